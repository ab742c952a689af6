"""Our own events as JSON, posted by upstream systems to `/v1/events/{topic}` or read by `commfleet produce`."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from common.codec import from_json
from common.errors import ForbiddenTopicError, InvalidEventError, UnknownTopicError
from workers.ingest.event_id import canonical_json, event_id
from workers.ingest.sources.api import NewEvent

WRITTEN_BY_WORKERS = frozenset({"comms.consent.v1", "comms.journey.v1", "comms.receipt.v1"})
"""Decisions, not reports: a raw claim must never reach a vendor as one (design §8, §12)."""

_EVENT_ID_MAX = 200


class CanonicalTranslation:
    """One topic's way from a JSON event to the value to encode; `source` names who sent it."""

    def __init__(self, topic: str, source: str) -> None:
        self._topic, self._source = topic, source

    def __call__(self, signal: Any, received_at: datetime) -> NewEvent:
        """The event; raises InvalidEventError naming every field that is missing, unknown or wrong.

        `event_id` and `source` may be absent, `ingested_at` is ours whatever the sender says.
        """
        if not isinstance(signal, dict):
            raise InvalidEventError([("", f"must be a JSON object, one event of {self._topic}")])
        if signal.get("occurred_at") is None:
            raise InvalidEventError([("occurred_at", "is required: when it happened, RFC 3339")])
        filled = {
            **signal,
            "event_id": self._event_id(signal),
            "source": signal.get("source") or self._source,
            "ingested_at": received_at.astimezone(UTC).isoformat(),
        }
        value = from_json(self._topic, filled)
        if value["customer"] is not None and not value["customer"]["customer_id"].strip():
            # as a key it would put everybody without an id into one lane
            raise InvalidEventError([("customer.customer_id", "must not be empty: leave customer out instead")])
        return NewEvent(self._topic, value)

    def _event_id(self, signal: dict[str, Any]) -> str:
        given = signal.get("event_id")
        if given is None:
            content = {name: value for name, value in signal.items() if name not in ("event_id", "ingested_at")}
            return event_id(self._topic, canonical_json(content))
        if not (isinstance(given, str) and 0 < len(given) <= _EVENT_ID_MAX and _is_printable(given)):
            raise InvalidEventError([("event_id", f"must be 1 to {_EVENT_ID_MAX} printable ASCII characters")])
        return given


def check_topic(topic: str, event_topics: Collection[str], allowed: Collection[str] | None = None) -> None:
    """Return when events may be sent to a topic; raises UnknownTopicError or ForbiddenTopicError.

    `event_topics` are all there are, `allowed` the ones of this source, None when it may use every open one.
    """
    if topic not in event_topics:
        names = ", ".join(sorted(set(event_topics) - WRITTEN_BY_WORKERS))
        raise UnknownTopicError(f"there is no event topic {topic[:100]!r}; there are {names}")
    if topic in WRITTEN_BY_WORKERS:
        raise ForbiddenTopicError(f"{topic} is written by workers only; what you know goes to another topic")
    if allowed is not None and topic not in allowed:
        raise ForbiddenTopicError(f"this source may not write to {topic}; its settings list the ones it may")


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
