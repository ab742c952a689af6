"""A record of an event topic as the journey worker takes it in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.store.times import micros


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record; `topic` is the logical name.

    Without a `value` only its offset is taken over: it was undecodable (and dead-lettered), or is not for the store.
    """

    topic: str
    offset: int
    value: Mapping[str, Any] | None

    @property
    def customer_id(self) -> str | None:
        """Whom it is about."""
        customer = self.value and self.value.get("customer")
        return customer["customer_id"] if customer else None

    @property
    def occurred_at(self) -> int:
        """When it happened, in microseconds; 0 without a value."""
        return micros(self.value["occurred_at"]) if self.value else 0
