"""Records to what the store takes in: decoded events, or dead letters for what nobody can read."""

from dataclasses import dataclass
from datetime import datetime

from common.codec import Decoder
from common.errors import UndecodableError
from common.event import OutRecord
from common.reasons import Reason
from topics.catalogue import Kind, topics
from workers.journeys.incoming import Incoming, Lift, Unreadable
from workers.sinks.delivery import RecordLike
from workers.sinks.headers import DISCARDED, MARKER, NO_FLOW, Origin
from workers.sinks.letters import Letters

RETRY = "comms.retry.journeys.v1"
DEAD = "comms.dlq.journeys.v1"

PREFERENCE = "comms.preference.v1"
"""Where what cannot be read suppresses its customer."""

_FLOW = NO_FLOW


@dataclass(frozen=True, slots=True)
class Read:
    """One record, and the letter to be written before it is taken in."""

    record: Incoming
    letter: OutRecord | None = None
    reason: Reason | None = None
    """Why there is a letter."""


class Reading:
    """Decodes by the topic that a record was first written to."""

    def __init__(self, decoder: Decoder, letters: Letters, group: str, prefix: str) -> None:
        self._decoder, self._letters, self._group, self._prefix = decoder, letters, group, prefix

    def read(self, record: RecordLike, now: datetime) -> Read:
        """What a record holds. Raises ReaderTooOldError and RegistryDownError: it waits then."""
        log = record.topic.removeprefix(self._prefix)
        if log == RETRY:
            return self._redriven(record, now)
        origin = Origin.of_record(self._group, _FLOW, record.position, record.timestamp_ms)
        return self._decoded(record, log, log, origin, now)

    def _redriven(self, record: RecordLike, now: datetime) -> Read:
        if any(name == MARKER for name, _ in record.headers):
            return Read(Incoming(RETRY, record.offset, None))
        try:
            origin, topic = self._origin(record)
        except ValueError as error:
            here = Origin.of_record(self._group, _FLOW, record.position, record.timestamp_ms)
            letter = self._letter(record, here, Reason.MALFORMED, str(error), now)
            return Read(Incoming(RETRY, record.offset, None), letter, Reason.MALFORMED)
        lift = Lift(record.key.decode(errors="replace"), origin.delivery) if record.key else None
        if any(name == DISCARDED for name, _ in record.headers):
            return Read(Incoming(topic, record.offset, None, RETRY, lift))
        return self._decoded(record, topic, RETRY, origin, now, lift)

    def _origin(self, record: RecordLike) -> tuple[Origin, str]:
        """Where a redriven record was read first. Raises ValueError."""
        origin = Origin.of_retry(record.headers)
        topic = origin.position.topic.removeprefix(self._prefix)
        if topic not in topics():
            raise ValueError(f"retry.origin names {origin.position.topic}, which is no topic of ours")
        return origin, topic

    def _decoded(
        self, record: RecordLike, topic: str, log: str, origin: Origin, now: datetime, lifts: Lift | None = None
    ) -> Read:
        if record.value is None and topics()[topic].tombstones:
            return Read(Incoming(topic, record.offset, None, log))
        try:
            value = self._decoder.decode(topic, record.value)
        except UndecodableError as error:
            letter = self._letter(record, origin, error.reason, error.detail, now)
            unread = Incoming(topic, record.offset, None, log, None, _unreadable(record, topic, origin))
            return Read(unread, letter, error.reason)
        return Read(Incoming(topic, record.offset, value, log, lifts))

    def _letter(self, record: RecordLike, origin: Origin, reason: Reason, detail: str, now: datetime) -> OutRecord:
        return self._letters.wrap(
            record, origin, action="", stage="decode", reason=reason, detail=detail, vendor_code="", at=now
        )


def _unreadable(record: RecordLike, topic: str, origin: Origin) -> Unreadable | None:
    if topic != PREFERENCE or not record.key:
        return None
    return Unreadable(record.key.decode(errors="replace"), origin.timestamp_ms * 1000, origin.delivery)


def read_topics() -> tuple[str, ...]:
    """Logical names of everything that the journey worker reads."""
    wanted = (Kind.FLOW, Kind.RECEIPT)
    return (*(name for name, topic in topics().items() if topic.kind in wanted), RETRY)
