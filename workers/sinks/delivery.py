"""One event for one flow: the unit of work, of counting and of failure."""

from collections.abc import Hashable
from datetime import datetime
from typing import Protocol

from common.event import Event, Headers, Position
from workers.flows.flow import Flow
from workers.sinks.api import Action, Item
from workers.sinks.headers import Origin
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


class Delivery:
    """What the runner moves: an event, its flow, its lane, and how it has fared.

    `item` is made when the delivery becomes head of its lane; `retried` is the origin of a record that
    came by the retry topic.
    """

    __slots__ = ("attempts", "event", "first_failed_at", "flow", "item", "lane", "record", "retried", "size", "window")

    item: Item

    def __init__(
        self, event: Event, flow: Flow, record: RecordLike, lane: Hashable, window: Window, retried: Origin | None
    ) -> None:
        self.event, self.flow, self.record, self.lane = event, flow, record, lane
        self.window, self.retried = window, retried
        self.size = len(record.value or b"")
        self.attempts = retried.attempts if retried else 0
        self.first_failed_at: datetime | None = retried.first_failed_at if retried else None

    @property
    def action(self) -> Action:
        """What the flow does."""
        return self.flow.action

    def origin(self, group: str) -> Origin:
        """Where it was first read and how it has fared."""
        first = self.retried or Origin.of_record(group, self.flow.name, self.record.position, self.record.timestamp_ms)
        return Origin(
            first.delivery, first.flow, first.position, first.timestamp_ms, self.first_failed_at, self.attempts
        )
