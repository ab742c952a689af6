"""Rows as values: each class is one table, its fields are the columns, in order.

Times are microseconds since 1970 (`common.store.times`); a text that may be absent in a primary key is empty there.
`partition` is the number of the Kafka partition whose owner writes the row.
"""

from typing import Any, NamedTuple

from common.light import light

Json = dict[str, Any]


class Scope(NamedTuple):
    """What a wish is about; an empty channel or purpose is every one."""

    kind: str
    channel: str = ""
    purpose: str = ""
    subscription_group: str = ""


@light
class Profile:
    """What is known of a customer: the `customer` record, `facts`, and of each since when (`times`)."""

    customer_id: str
    partition: int
    resolved: bool
    customer: Json
    facts: Json
    times: Json
    engaged_at: int | None
    changed_at: int


@light
class Evidence:
    """The newest report of one state of one wish; `subject` is `c:<customer id>` or `a:<HMAC of an address>`.

    `weight` is EXPLICIT or OBSERVED; `state` a PreferenceState, or for PREFERRED_CHANNEL the channel.
    """

    subject: str
    kind: str
    channel: str
    purpose: str
    subscription_group: str
    weight: str
    state: str
    effective_at: int
    origin: str
    event_id: str

    @property
    def scope(self) -> Scope:
        """What it is about."""
        return Scope(self.kind, self.channel, self.purpose, self.subscription_group)


@light
class Decision:
    """What was last decided, and published, about one wish of a customer."""

    customer_id: str
    kind: str
    channel: str
    purpose: str
    subscription_group: str
    state: str
    effective_at: int
    origin: str
    event_id: str


@light
class SystemView:
    """What one system last said of one wish (`state`), and our writes to it that it may still report back.

    `written` has, by state, the decision's time, when it was written, and when another state was (0: not yet).
    """

    customer_id: str
    kind: str
    channel: str
    purpose: str
    subscription_group: str
    system: str
    state: str
    effective_at: int
    is_echo: bool
    written: Json


@light
class Workspace:
    """A business workspace as last seen; `documents` has type, status and customer_visible by document id."""

    workspace_id: str
    partition: int
    customer_id: str | None
    workspace_type: str | None
    workspace_name: str | None
    state: str
    milestone: str | None
    case_status: str | None
    owner: str | None
    expires_at: int | None
    documents: Json
    changed_at: int


@light
class Alert:
    """An alert by its key: as it was raised, and what became of it: of each outcome, its events and their times."""

    alert_key: str
    partition: int
    customer_id: str | None
    topic: str | None
    severity: str | None
    title: str | None
    state: str
    raised_at: int | None
    expires_at: int | None
    changed_at: int
    outcomes: Json


@light
class Entry:
    """One line of a customer's timeline. `message` joins what belongs to one message, `step` says how far it came."""

    event_id: str
    partition: int
    customer_id: str
    occurred_at: int
    topic: str
    type: str
    source: str
    message: str | None
    step: str | None
    document_type: str | None
    channel: str | None
    campaign: str | None
    correlation_id: str | None
    caused_by: str | None
    detail: Json


@light
class Instance:
    """One run of a journey for one customer, about one thing (`about`); `memory` is the interpreter's own."""

    journey: str
    customer_id: str
    about: str
    partition: int
    started_at: int
    memory: Json


@light
class Timer:
    """A step of an instance that is due at a time."""

    journey: str
    customer_id: str
    about: str
    step: str
    partition: int
    due_at: int


@light
class Link:
    """A substitute id that turned out to be a customer."""

    substitute_id: str
    customer_id: str
    linked_at: int


@light
class Tombstone:
    """The HMAC of an identity that is forgotten: events of it up to `erased_at` are ignored."""

    identity: str
    erased_at: int


@light
class Outgoing:
    """A derived event that is to be published; without a value it deletes the key from a compacted topic."""

    event_id: str
    partition: int
    sequence: int
    topic: str
    key: bytes
    value: Json | None
