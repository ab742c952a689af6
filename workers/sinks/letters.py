"""Dead letters: a delivery that needs a person, as a record of the sink's own dead-letter topic."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from common.event import Headers, OutRecord
from common.reasons import Reason
from workers.sinks.headers import Origin, own_headers

_DETAIL_CHARACTERS = 500


class LetterSource(Protocol):
    """The record that a letter is about."""

    key: bytes | None
    value: bytes | None

    @property
    def headers(self) -> Headers:
        """In order."""
        ...


class Letters:
    """Writes the letters of one group of a sink."""

    def __init__(self, topic: str, sink: str, group: str, worker: str) -> None:
        self._topic, self._sink, self._group, self._worker = topic, sink, group, worker

    def wrap(
        self, record: LetterSource, origin: Origin, *, action: str, stage: str, reason: Reason, detail: str,
        vendor_code: str, at: datetime,
    ) -> OutRecord:  # fmt: skip
        """Key and value untouched, the event's own headers, and why it is here (design §9).

        `stage` is where it failed: decode, prepare or deliver. `detail` is ours and is cut to 500 characters.
        """
        first = origin.first_failed_at or at
        described = replace(origin, first_failed_at=first, letter="")
        facts = {
            "dlq.sink": self._sink,
            "dlq.group": self._group,
            "dlq.action": action,
            "dlq.reason": str(reason),
            "dlq.stage": stage,
            "dlq.vendor_code": vendor_code,
            "dlq.detail": detail[:_DETAIL_CHARACTERS],
            "dlq.worker": self._worker,
            "dlq.failed_at": at.isoformat(),
        }
        ours = [*described.written("dlq."), *((name, text.encode()) for name, text in facts.items() if text)]
        return OutRecord(self._topic, record.key, record.value, (*own_headers(record.headers), *ours))
