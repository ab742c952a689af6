"""What the demo shows: the live table's rows, and the report of what was counted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from workers.demo.tally import DeliveryCount


@dataclass(frozen=True, slots=True)
class FlowCount:
    """A row of the live table: what became of the events of one flow so far."""

    flow: str
    seen: int
    delivered: int
    waiting: int
    dead: int


class Screen(Protocol):
    """Where the demo is watched."""

    def say(self, text: str) -> None:
        """One line."""
        ...

    def update(self, rows: Sequence[FlowCount]) -> None:
        """The live table's new state."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """Everything in the end. `received` counts the vendor's objects, `repeated` those that came twice."""

    events: Mapping[str, int]
    deliveries: Sequence[DeliveryCount]
    received: int
    repeated: int
    dead_letters: int
    redriven: int
    lost: Sequence[str]

    @property
    def flows(self) -> list[str]:
        """The flows that delivered something."""
        return sorted({one.flow for one in self.deliveries if one.verdict == "delivered"})

    def summary(self, acknowledged: int) -> str:
        """One line for people."""
        return (
            f"{acknowledged} events acknowledged; {self.received} objects at the vendor, {self.repeated} repeated; "
            f"{self.dead_letters} dead letters, {self.redriven} redriven; {len(self.lost)} lost; "
            f"{len(self.flows)} flows delivered"
        )

    def report(self) -> dict[str, Any]:
        """The report file, for machines."""
        return {
            "events": dict(self.events),
            "deliveries": [asdict(one) for one in self.deliveries],
            "received": {"braze": self.received},
            "dead_letters": self.dead_letters,
            "redriven": self.redriven,
            "lost": len(self.lost),
            "flows": self.flows,
        }
