"""One event for one flow: the unit of work, of counting and of failure."""

from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from common.event import Event, Headers, Position
from workers.flows.flow import Flow
from workers.sinks.api import Action, Item, Repeat
from workers.sinks.headers import Origin, delivery_name
from workers.sinks.leave import Leave
from workers.sinks.progress import Mark
from workers.sinks.window import Window


class RecordLike(Protocol):
    """What the sink path reads of a Kafka record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None

    @property
    def position(self) -> Position:
        """Where it stands in the log."""
        ...

    @property
    def headers(self) -> Headers:
        """Its headers, in order."""
        ...

    @property
    def timestamp_ms(self) -> int:
        """Epoch milliseconds."""
        ...


class Doubt(Enum):
    """Whether an earlier request of this delivery may have acted."""

    NONE = auto()
    OWN = auto()  # this process sent it
    INHERITED = auto()  # a former owner named it; its request may still be on its way
    ORPHANED = auto()  # a former owner named it, for a flow that does not act on this event here


class Copy(Enum):
    """Whether upstream wrote the event of a once-delivery before, at another position."""

    NO = auto()
    YES = auto()
    UNKNOWN = auto()  # what stands before its partition's start is still being read


class Delivery:
    """What the runner moves: an event, its flow, its lane, and how it has fared.

    `item` is made when the delivery becomes head of its lane; `retried` is the origin of a record that
    came by the retry topic. `doubt` says whose request nobody knows the end of; `copy`, of
    once-deliveries only, whether the event is one of upstream's duplicates. `leave` is what the customer store
    said, of flows that ask it, once it was asked.
    """

    __slots__ = (
        "attempts", "copy", "doubt", "event", "first_failed_at", "flow", "flow_hash", "item", "lane", "leave", "record",
        "retried", "size", "window",
    )  # fmt: skip

    item: Item

    def __init__(
        self, event: Event, flow: Flow, flow_hash: int, record: RecordLike, lane: Hashable, window: Window,
        retried: Origin | None, doubt: Doubt = Doubt.NONE,
    ) -> None:  # fmt: skip
        self.event, self.flow, self.flow_hash, self.record, self.lane = event, flow, flow_hash, record, lane
        self.doubt, self.copy = doubt, Copy.NO
        self.leave: Leave | None = None
        self.window, self.retried = window, retried
        self.size = len(record.value or b"")
        self.attempts = retried.attempts if retried else 0
        self.first_failed_at: datetime | None = retried.first_failed_at if retried else None

    @property
    def action(self) -> Action:
        """What the flow does."""
        return self.flow.action

    @property
    def mark(self) -> Mark:
        """How a commit names it."""
        return Mark(self.record.offset, self.flow_hash)

    @property
    def is_once(self) -> bool:
        """Whether it must not be made twice."""
        return self.flow.action.repeat is Repeat.ONCE

    def is_forgotten(self, now: datetime) -> bool:
        """Whether a first request may have left so long ago that the vendor knows its key no more.

        A delivery that has never failed here was sent no sooner than its record was written.
        """
        if self.action.recognised_s is None or self.doubt is Doubt.NONE or not self.is_once:
            return False
        since_s = self.first_failed_at.timestamp() if self.first_failed_at else self.record.timestamp_ms / 1000
        return now.timestamp() - since_s > self.action.recognised_s

    def wait_s(self, now: datetime) -> float:
        """Seconds that a retried delivery has still to wait, as the one who parked it said."""
        if self.retried is None or self.retried.not_before is None:
            return 0.0
        return (self.retried.not_before - now).total_seconds()

    @property
    def is_told(self) -> bool:
        """Whether it is of a once-action, repeats tolerated or not: its end has a receipt, and it is given up early."""
        return self.flow.action.repeat is not Repeat.REPEATABLE

    def name(self, group: str) -> str:
        """What it is called wherever it travels."""
        if self.retried:
            return self.retried.delivery
        return delivery_name(group, self.flow.name, self.record.position)

    def origin(self, group: str) -> Origin:
        """Where it was first read and how it has fared."""
        position = self.record.position
        first = self.retried or Origin.of_record(group, self.flow.name, position, self.record.timestamp_ms)
        return replace(first, first_failed_at=self.first_failed_at, attempts=self.attempts)
