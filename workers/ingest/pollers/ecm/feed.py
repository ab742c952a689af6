"""The one feed of a Content Server: workspaces as they are, with the documents in them (§13 A to C).

A list of workspaces tells no attributes, so each that is looked at costs a request, and one for each folder in it. Who
made a change is asked of new states only. What was asked for a page is kept until all of the page is.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from common.clock import Clock
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.feeds import Signal
from workers.ingest.pollers.api import Item, Page, Position
from workers.ingest.pollers.ecm.config import EcmPollerConfig
from workers.ingest.pollers.ecm.look import Plan
from workers.ingest.pollers.ecm.reads import Account, GoneError, Reads, Whole
from workers.ingest.pollers.ecm.signals import Signals
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.ecm import EcmTranslation
from workers.vendors.ecm.reply import id_of

_FOLDER, _DOCUMENT = 0, 144
_DAY = timedelta(days=1)
_PARTS = 4
"""A sweep goes on for so many intervals before what changed lately has its turn again."""
_STATE = ("event_type", "workspace", "attributes", "changed_at")
_GONE: Mapping[str, Any] = {"gone": True}


class WorkspacesFeed:
    """Workspaces and documents of the configured types."""

    name = "ecm.workspaces"

    def __init__(self, config: EcmPollerConfig, reads: Reads, clock: Clock) -> None:
        self.interval_s = config.interval_s
        self._config, self._reads, self._clock = config, reads, clock
        self._signals, self._translate = Signals(config), EcmTranslation(config, config.instance)
        self._types = sorted(config.type_ids)
        self._asked: dict[str, list[Item]] = {}
        self._known: dict[str, Item] = {}

    def start(self, since: datetime) -> Position:
        """All there is, as it is; what is created from then on is told as created."""
        return Plan(since, since).shown()

    def fetch(self, position: Position) -> Page:
        """A page of a type's workspaces, with everything in them."""
        config, plan, now = self._config, Plan.read(position), self._clock.now()
        look = plan.look(now, config.overlap_s).of(self._types)
        listed = self._reads.workspaces(look.type, look.page, config.page_size)
        dated = [(row, self._signals.date(row.get("modify_date"))) for row in listed.rows]
        recent = [row for row, at in dated if at is None or at >= look.floor]
        items = [item for row in recent for item in self._items(row, plan.since)]
        is_end = len(recent) < len(dated) or not dated or look.page * config.page_size >= listed.total
        went, is_over = look.after([at for _, at in dated if at], listed.total, is_end=is_end, types=self._types)
        plan = plan.after(
            went, is_over=is_over, now=self._clock.now(), sweep_every_s=config.sweep_every_s,
            part_s=_PARTS * config.interval_s,
        )  # fmt: skip
        self._asked.clear()
        return Page(items, plan.shown(), is_last=plan.is_at_rest)

    def detailed(self, items: Sequence[Item]) -> Sequence[Item]:
        """With the attributes of documents, and who made each change."""
        created = {_shown(item) for item in items if item.id == "created"}
        for item in items:
            key = _key(item)
            if item.level is not None and key not in self._known:
                is_told = item.id != "created" and item.level.startswith("workspace:") and _shown(item) in created
                self._known[key] = Item(item.id, _GONE, item.level) if is_told else self._detail(item)
        found = [self._known.get(_key(item), item) for item in items]
        self._known.clear()
        return found

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The snapshot; nothing of what was removed meanwhile, or is told as created."""
        return [] if item.signal == _GONE else self._translate(item.signal, received_at)

    def _items(self, row: Mapping[str, Any], since: datetime) -> list[Item]:
        node = id_of(row)
        if node is None:
            return [Item(f"row:{hash_of(canonical_json(row))}", {"workspace": dict(row)})]
        if node not in self._asked:
            try:
                self._asked[node] = list(self._shown(node, since))
            except GoneError:
                self._asked[node] = []
        return self._asked[node]

    def _shown(self, node: str, since: datetime) -> Iterator[Item]:
        """A workspace, then its documents, as of one moment; those of a case that is over are not looked at."""
        now, whole = self._clock.now(), self._reads.workspace(node)
        if Signal.WORKSPACE in self._config.trusted:
            yield from self._signals.workspace(whole, since, now)
        is_over = self._signals.is_over(self._signals.attributes(whole.values))
        if Signal.DOCUMENT in self._config.trusted and not is_over:
            for found in self._documents(node, self._config.folder_depth):
                yield self._document(found, whole, since, now)

    def _documents(self, container: str, depth: int) -> Iterator[Mapping[str, Any]]:
        for child in self._reads.children(container):
            if child.get("type") == _DOCUMENT:
                yield child
            elif child.get("type") == _FOLDER and depth > 0 and (node := id_of(child)) is not None:
                yield from self._documents(node, depth - 1)

    def _document(self, found: Mapping[str, Any], whole: Whole, since: datetime, now: datetime) -> Item:
        node = id_of(found)
        values = self._reads.values(node) if node and self._config.ask_each_document else None
        return self._signals.document(found, whole, since, now, values)

    def _detail(self, item: Item) -> Item:
        try:
            if item.signal["event_type"] == "document.updated" and "asked" not in item.signal:
                item = self._signals.with_values(item, self._reads.values(_node(item)))
            return self._with_author(item)
        except GoneError:
            return Item("gone", _GONE, item.level)  # seen again, it is news

    def _with_author(self, item: Item) -> Item:
        """From the day before the change on, for the audit goes by days, of a zone that nobody names (§12.2)."""
        if not self._config.audit:
            return self._signals.by(item, [], Account(None, None))
        changed = self._signals.date(item.signal["changed_at"]) or self._clock.now()
        day = (changed - _DAY).date().isoformat()
        return self._signals.by(item, self._reads.audit(_node(item), day), self._reads.account())


def _key(item: Item) -> str:
    """This very state of the thing: it may be another one when a page is asked for again."""
    signal = item.signal
    return hash_of(item.level, item.id, canonical_json([signal.get(name) for name in _STATE]))


def _shown(item: Item) -> str:
    """What a workspace's creation and its state have in common: told once, by the creation."""
    return hash_of(canonical_json([item.signal.get(name) for name in ("workspace", "attributes")]))


def _node(item: Item) -> str:
    node = item.signal.get("node")
    return str(node["id"]) if isinstance(node, Mapping) else ""
