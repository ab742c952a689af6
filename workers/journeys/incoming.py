"""A record of an event topic as the journey worker takes it in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.store.times import micros


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A preference that nobody can read: whose it is, since when (microseconds), and its letter's name."""

    customer_id: str
    at: int
    letter: str


@dataclass(frozen=True, slots=True)
class Lift:
    """A dead letter that was dealt with: whose it is, and its name."""

    customer_id: str
    letter: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record; `topic` is the logical name, `log` the one under which its offset counts where it differs.

    `lifts` is the dead letter that it was redriven from, or that was discarded; `suppresses` the one that it has just
    become: a customer whose preference cannot be read is contacted by nothing meanwhile.

    Without a `value` only its offset is taken over: it was undecodable (and dead-lettered), or is not for the store.
    """

    topic: str
    offset: int
    value: Mapping[str, Any] | None
    log: str = ""
    lifts: Lift | None = None
    suppresses: Unreadable | None = None

    @property
    def source(self) -> str:
        """The topic under which its offset counts."""
        return self.log or self.topic

    @property
    def customer_id(self) -> str | None:
        """Whom it is about."""
        customer = self.value and self.value.get("customer")
        return customer["customer_id"] if customer else None

    @property
    def occurred_at(self) -> int:
        """When it happened, in microseconds; 0 without a value."""
        return micros(self.value["occurred_at"]) if self.value else 0
