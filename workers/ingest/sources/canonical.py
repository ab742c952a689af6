"""Our own events as JSON, posted by upstream systems to `/v1/events/{topic}` or read by `commfleet produce`."""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from common.codec import from_json
from common.errors import ForbiddenTopicError, InvalidEventError, UnknownTopicError
from workers.ingest.event_id import canonical_json, event_id
from workers.ingest.sources.api import Events, NewEvent

WRITTEN_BY_WORKERS = frozenset({"comms.consent.v1", "comms.journey.v1", "comms.receipt.v1"})
"""Decisions, not reports: a raw claim must never reach a vendor as one (design §8, §12)."""

EVENT_ID_MAX = 200
EVENT_ID_PATTERN = rf"[!-~]{{1,{EVENT_ID_MAX}}}"
"""Of an id that a sender gives: printable ASCII without spaces."""

_EVENT_ID = re.compile(EVENT_ID_PATTERN)

Errors = list[tuple[str, str]]


class CanonicalTranslation:
    """One topic's way from a JSON event to the value to encode; `source` names who sent it."""

    def __init__(self, topic: str, source: str) -> None:
        self._topic, self._source = topic, source

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The event, alone; raises InvalidEventError as `event` does."""
        return (self.event(signal, received_at),)

    def event(self, signal: Any, received_at: datetime) -> NewEvent:
        """The event; raises InvalidEventError naming every field that is missing, unknown or wrong.

        `event_id` and `source` may be absent, `ingested_at` is ours whatever the sender says.
        """
        if not isinstance(signal, dict):
            raise InvalidEventError([("", f"must be a JSON object, one event of {self._topic}")])
        errors = _wrong_by_our_rules(signal)
        filled = {**signal, "source": signal.get("source") or self._source, "ingested_at": received_at}
        if errors:
            raise InvalidEventError([*errors, *self._wrong_by_schema(filled, {name for name, _ in errors})])
        if signal.get("event_id") is None:
            filled["event_id"] = self._id_of_content(signal)
        return NewEvent(self._topic, from_json(self._topic, filled), is_checked=True)

    def _wrong_by_schema(self, filled: dict[str, Any], told: set[str]) -> Errors:
        """What the schema says beside our own rules: a sender reads everything at once."""
        try:
            from_json(self._topic, {**filled, "event_id": "any"})
        except InvalidEventError as error:
            return [(name, message) for name, message in error.errors if name not in told]
        return []

    def _id_of_content(self, signal: dict[str, Any]) -> str:
        content = {name: value for name, value in signal.items() if name not in ("event_id", "ingested_at")}
        return event_id(self._topic, canonical_json(content))


def _wrong_by_our_rules(signal: dict[str, Any]) -> Errors:
    """What a schema does not say of an event that comes from outside."""
    errors: Errors = []
    if signal.get("occurred_at") is None:
        errors.append(("occurred_at", "is required: when it happened, RFC 3339"))
    given = signal.get("event_id")
    if given is not None and not (isinstance(given, str) and _EVENT_ID.fullmatch(given)):
        errors.append(("event_id", f"must be 1 to {EVENT_ID_MAX} printable ASCII characters"))
    customer = signal.get("customer")
    if isinstance(customer, dict):
        customer_id = customer.get("customer_id")
        if isinstance(customer_id, str) and not customer_id.strip():
            # as a key it would put everybody without an id into one lane
            errors.append(("customer.customer_id", "must not be empty: leave customer out instead"))
    return errors


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
