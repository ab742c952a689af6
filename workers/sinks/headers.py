"""The headers that carry a delivery on the retry and dead-letter topics, beside the event's own.

Names: design §9. A retry record has `retry.*`, a dead letter `dlq.*`; both keep key and value bytes
untouched, so that the event is the same wherever it travels.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from common.event import Headers, Position

NO_FLOW = "-"
"""The flow of a record that no flow could use; as a retry record it is matched like a new event."""

DEFERRED, UNSURE, FOLLOWER = "deferred", "unsure", "follower"
"""The state of a retry record: to be tried again, to be looked up first, or only behind one of these."""

RESOLVES = "dlq.resolves"
"""On a marker (a null value): the `partition:offset` of the letter that it closes."""

MARKER = "retry.marker"
"""On a retry topic (a null value): the partition's start was decided, and how many partitions there were."""

_RETRY, _DEAD = "retry.", "dlq."
_OURS = (_RETRY, _DEAD)

DISCARDED = "retry.discarded"
"""On the journeys' retry topic (a null value): the letter that `retry.delivery` names was discarded."""


def delivery_name(group: str, flow: str, position: Position) -> str:
    """What a delivery is called wherever it travels: group+topic+partition+offset+flow."""
    return f"{group}+{position.topic}+{position.partition}+{position.offset}+{flow}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a delivery was first read, and how it has fared since: what survives a retry or a redrive.

    `delivery` is its stable name: group+topic+partition+offset+flow.
    """

    delivery: str
    flow: str
    position: Position
    timestamp_ms: int
    first_failed_at: datetime | None = None
    attempts: int = 0
    state: str = DEFERRED
    not_before: datetime | None = None
    letter: str = ""
    """The address of the letter that it was redriven from, `partition:offset`; empty otherwise."""

    @classmethod
    def of_record(cls, group: str, flow: str, position: Position, timestamp_ms: int) -> "Origin":
        """The origin of a delivery that is read for the first time."""
        return cls(delivery_name(group, flow, position), flow, position, timestamp_ms)

    @classmethod
    def of_retry(cls, headers: Headers) -> "Origin":
        """The origin that a retry record carries. Raises ValueError naming what is missing or unreadable."""
        return cls._read(headers, _RETRY)

    @classmethod
    def of_letter(cls, headers: Headers) -> "Origin":
        """The origin that a dead letter carries. Raises ValueError naming what is missing or unreadable."""
        return cls._read(headers, _DEAD)

    def written(self, prefix: str) -> list[tuple[str, bytes]]:
        """These fields as headers under `retry.` or `dlq.`."""
        p = self.position
        fields = {
            "delivery": self.delivery,
            "flow": self.flow,
            "origin": f"{p.topic}/{p.partition}/{p.offset}/{self.timestamp_ms}",
            "attempts": str(self.attempts),
        }
        if prefix == _RETRY:
            fields["state"] = self.state
            if self.not_before:
                fields["not_before"] = self.not_before.isoformat()
        if self.letter:
            fields["letter"] = self.letter
        if self.first_failed_at:
            fields["first_failed_at"] = self.first_failed_at.isoformat()
        return [(prefix + name, text.encode()) for name, text in fields.items()]

    def parked(self, state: str, not_before: datetime | None) -> "Origin":
        """The same, as a retry record carries it."""
        return replace(self, state=state, not_before=not_before)

    @classmethod
    def _read(cls, headers: Headers, prefix: str) -> "Origin":
        texts = {name: (value or b"").decode() for name, value in headers if name.startswith(prefix)}
        missing = [prefix + name for name in ("delivery", "flow", "origin") if prefix + name not in texts]
        if missing:
            raise ValueError(f"missing {', '.join(missing)}")
        topic, partition, offset, timestamp = texts[prefix + "origin"].rsplit("/", 3)
        failed, due = texts.get(prefix + "first_failed_at"), texts.get(prefix + "not_before")
        return cls(
            texts[prefix + "delivery"],
            texts[prefix + "flow"],
            Position(topic, int(partition), int(offset)),
            int(timestamp),
            datetime.fromisoformat(failed) if failed else None,
            int(texts.get(prefix + "attempts", "0")),
            texts.get(prefix + "state", DEFERRED),
            datetime.fromisoformat(due) if due else None,
            texts.get(prefix + "letter", ""),
        )


def own_headers(headers: Headers) -> Headers:
    """The event's own headers, without what a former retry or dead letter added."""
    return tuple((name, value) for name, value in headers if not name.startswith(_OURS))
