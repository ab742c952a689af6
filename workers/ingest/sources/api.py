"""What a source's module is to the ingest path: its signals become events, without any I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is not in the log yet: the logical topic and the value to encode.

    `is_checked` says that the value is what `from_json` or `checked` gave, so that it is not looked at twice.
    """

    topic: str
    value: Mapping[str, Any]
    is_checked: bool = False

    @property
    def event_id(self) -> str:
        """The same for every repeat of its signal."""
        return str(self.value["event_id"])

    @property
    def is_unknown(self) -> bool:
        """Whether the source reported something that we have no word for."""
        return self.value.get("type") == "UNKNOWN"

    @property
    def is_substitute(self) -> bool:
        """Whether its customer is known by the source's own id only."""
        customer = self.value.get("customer")
        return customer is not None and not customer.get("resolved", True)


class Translate(Protocol):
    """Turns one signal, as parsed JSON, into an event."""

    def __call__(self, signal: Any, received_at: datetime) -> NewEvent:
        """The event; raises InvalidEventError naming every field that is missing or wrong."""
        ...
