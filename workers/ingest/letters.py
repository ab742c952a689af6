"""The ingest's dead letters: signals that could not become events, with their raw bytes (design §6, §9).

Where a sender never sends again what was refused, a bad signal is answered with 2xx and kept here. Whoever reads
signals writes these: the webhook, a poller, a file drop. A redrive takes them through the parser again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from common.errors import RecordTooLargeError
from common.kafka.producer import Outgoing
from common.reasons import Reason
from topics.catalogue import dead_letter_topic, topics

INGEST = "ingest"
"""In place of a sink's name, in the topic's name and wherever letters are asked for."""

_DETAIL_CHARACTERS = 500
_FRAMING_BYTES = 1024


class Way(StrEnum):
    """How a signal came: which parser reads it again."""

    WEBHOOK = "webhook"
    POLLER = "poller"
    FILE = "file"


class Holds(StrEnum):
    """What the bytes of a letter are."""

    ITEM = "item"  # one signal, as the parser of its source takes it
    BODY = "body"  # a whole request that could not be taken apart


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad signal. `source` is the name under which it is configured, `place` where it stood: a file and line."""

    way: Way
    source: str
    raw: bytes
    reason: Reason
    errors: Sequence[tuple[str, str]]
    holds: Holds = Holds.ITEM
    content_type: str = ""
    coding: str = ""
    place: str = ""
    signal_id: str = ""
    """The signal's natural id, where its bytes do not tell it: a line of a file is known by its place."""
    trace_parent: str = ""

    @property
    def detail(self) -> str:
        """Every fault by its field, cut to what a header may hold; no value of the signal's own."""
        return told(self.errors)[:_DETAIL_CHARACTERS]


class IngestLetters:
    """Makes the records of the ingest's dead-letter topic; `worker` is who writes them."""

    def __init__(self, prefix: str, worker: str) -> None:
        name = dead_letter_topic(INGEST)
        self._topic, self._worker = prefix + name, worker
        self._limit = int(topics()[name].config["max.message.bytes"]) - _FRAMING_BYTES

    def letter(self, bad: Bad, received_at: datetime) -> Outgoing:
        """The record of a bad signal; raises RecordTooLargeError where the topic would not take it."""
        known_by = hashlib.sha256(bad.signal_id.encode() or bad.raw).hexdigest()
        facts = {
            "dlq.delivery": f"{INGEST}+{bad.source}+{known_by[:32]}",
            "dlq.flow": "-",
            "dlq.origin": f"{bad.way}:{bad.source}/0/0/{int(received_at.timestamp() * 1000)}",
            "dlq.action": f"{bad.way}.{bad.source}",
            "dlq.source": bad.source,
            "dlq.way": bad.way.value,
            "dlq.holds": bad.holds.value,
            "dlq.reason": bad.reason.value,
            "dlq.stage": "parse",
            "dlq.detail": bad.detail,
            "dlq.content_type": bad.content_type,
            "dlq.content_encoding": bad.coding,
            "dlq.place": bad.place,
            "dlq.signal_id": bad.signal_id,
            "dlq.worker": self._worker,
            "dlq.received_at": received_at.isoformat(),
            "dlq.failed_at": received_at.isoformat(),
            "traceparent": bad.trace_parent,
        }
        record = Outgoing(self._topic, None, bad.raw, _headers(facts))
        if record.size > self._limit:
            raise RecordTooLargeError(
                f"the signal has {record.size} bytes as a dead letter, the topic takes {self._limit}"
            )
        return record


def told(errors: Sequence[tuple[str, str]]) -> str:
    """Every fault by its field, in one line."""
    return "; ".join(f"{name}: {what}" if name else what for name, what in errors)


def _headers(facts: Mapping[str, str]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, text.encode("utf-8", "replace")) for name, text in facts.items() if text)
