"""Every table with the class of its rows, and the order in which a transaction writes them."""

from common.store import tables, values
from common.store.rows import Shape

PROFILES = Shape(tables.profile, values.Profile)
EVIDENCE = Shape(tables.evidence, values.Evidence, newer="effective_at")
DECISIONS = Shape(tables.decision, values.Decision)
SYSTEMS = Shape(tables.system_view, values.SystemView)
WORKSPACES = Shape(tables.workspace, values.Workspace)
ALERTS = Shape(tables.alert, values.Alert)
TIMELINE = Shape(tables.timeline, values.Entry, once=True)
INSTANCES = Shape(tables.instance, values.Instance)
TIMERS = Shape(tables.timer, values.Timer)
LINKS = Shape(tables.link, values.Link, newer="linked_at")
TOMBSTONES = Shape(tables.tombstone, values.Tombstone, newer="erased_at")
OUTBOX = Shape(tables.outbox, values.Outgoing, once=True)
