"""Records to what the store takes in: decoded events, or dead letters for what nobody can read."""

from dataclasses import dataclass
from datetime import datetime

from common.codec import Decoder
from common.errors import UndecodableError
from common.event import OutRecord
from common.kafka.consumer import Record
from topics.catalogue import Kind, topics
from workers.journeys.incoming import Incoming, Unreadable
from workers.sinks.headers import MARKER, NO_FLOW, Origin
from workers.sinks.letters import Letters

RETRY = "comms.retry.journeys.v1"
DEAD = "comms.dlq.journeys.v1"

_PREFERENCE = "comms.preference.v1"
_FLOW = NO_FLOW


@dataclass(frozen=True, slots=True)
class Read:
    """One record, and the letter to be written before it is taken in."""

    record: Incoming
    letter: OutRecord | None = None


class Reading:
    """Decodes by the topic that a record was first written to."""

    def __init__(self, decoder: Decoder, letters: Letters, group: str, prefix: str) -> None:
        self._decoder, self._letters, self._group, self._prefix = decoder, letters, group, prefix

    def read(self, record: Record, now: datetime) -> Read:
        """What a record holds. Raises ReaderTooOldError and RegistryDownError: it waits then."""
        log = record.topic.removeprefix(self._prefix)
        if log == RETRY:
            return self._redriven(record, now)
        origin = Origin.of_record(self._group, _FLOW, record.position, record.timestamp_ms)
        return self._decoded(record, log, log, origin, now)

    def _redriven(self, record: Record, now: datetime) -> Read:
        headers = record.headers
        if record.value is None or any(name == MARKER for name, _ in headers):
            return Read(Incoming(RETRY, record.offset, None))
        origin = Origin.of_retry(headers)
        topic = origin.position.topic.removeprefix(self._prefix)
        return self._decoded(record, topic, RETRY, origin, now, origin.delivery)

    def _decoded(self, record: Record, topic: str, log: str, origin: Origin, now: datetime, lifts: str = "") -> Read:
        if record.value is None and topics()[topic].tombstones:
            return Read(Incoming(topic, record.offset, None, log))
        try:
            value = self._decoder.decode(topic, record.value)
        except UndecodableError as error:
            letter = self._letters.wrap(
                record, origin, action="", stage="decode", reason=error.reason, detail=error.detail, vendor_code="",
                at=now,
            )  # fmt: skip
            return Read(Incoming(topic, record.offset, None, log, "", _unreadable(record, topic, origin)), letter)
        return Read(Incoming(topic, record.offset, value, log, lifts))


def _unreadable(record: Record, topic: str, origin: Origin) -> Unreadable | None:
    if topic != _PREFERENCE or not record.key:
        return None
    return Unreadable(record.key.decode(errors="replace"), record.timestamp_ms * 1000, origin.delivery)


def read_topics() -> tuple[str, ...]:
    """Logical names of everything that the journey worker reads."""
    wanted = (Kind.FLOW, Kind.RECEIPT)
    return (*(name for name, topic in topics().items() if topic.kind in wanted), RETRY)
