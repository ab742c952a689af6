"""What a source's module is to the ingest path: its signals become events, without any I/O."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from workers.ingest.feeds import Signal


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is not in the log yet: the logical topic and the value to encode.

    `is_checked` says that the value is what `from_json` or `checked` gave, so that it is not looked at twice.
    `signal` is what it tells, where feeds may be told apart by it; a type that we have no word for has none.
    """

    topic: str
    value: Mapping[str, Any]
    is_checked: bool = False
    signal: Signal | None = None

    @property
    def event_id(self) -> str:
        """The same for every repeat of its signal."""
        return str(self.value["event_id"])

    @property
    def is_unknown(self) -> bool:
        """Whether the source reported something that we have no word for: a type, a wish or its state."""
        value = self.value
        return value["type"] == "UNKNOWN" or value.get("state") == "UNKNOWN"

    @property
    def is_substitute(self) -> bool:
        """Whether its customer is known by the source's own id only."""
        customer = self.value.get("customer")
        return customer is not None and not customer.get("resolved", True)


Events = Sequence[NewEvent]
"""What one signal says; often one event, none where it is not for us (another feed tells it, somebody else's job)."""


class Translate(Protocol):
    """Turns one signal, as parsed JSON, into events."""

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """Its events; raises InvalidEventError naming every field that is missing or wrong."""
        ...


class Trusted:
    """A translation cut down to the signals that its feed has the say in; what has no word is never cut."""

    def __init__(self, translate: Translate, signals: Collection[Signal]) -> None:
        self._translate, self._signals = translate, frozenset(signals)

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The events that are this feed's to tell."""
        events = self._translate(signal, received_at)
        return [event for event in events if event.signal is None or event.signal in self._signals]
