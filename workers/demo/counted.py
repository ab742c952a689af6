"""What the demo shows: the live table's rows, and the report of what was counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from workers.demo.tally import DeliveryCount


@dataclass(frozen=True, slots=True)
class FlowCount:
    """A row of the live table: what became of the deliveries of one business flow so far."""

    flow: str
    about: str
    delivered: int
    suppressed: int
    dead: int


class Screen(Protocol):
    """Where the demo is watched."""

    def say(self, text: str) -> None:
        """One line."""
        ...

    def update(self, rows: Sequence[FlowCount]) -> None:
        """The live table's new state."""
        ...


def rows(ids: Iterable[str], counts: Iterable[DeliveryCount]) -> list[FlowCount]:
    """A row for each business flow; the flows of one are counted together."""
    found: dict[str, dict[str, int]] = {name: {} for name in ids}
    flows: dict[str, set[str]] = {name: set() for name in found}
    for one in counts:
        name = one.flow.partition("-")[0]
        if name in found:
            verdict = one.verdict.lower()
            found[name][verdict] = found[name].get(verdict, 0) + one.count
            flows[name] |= {one.flow} if verdict == "delivered" else set()
    return [_row(name, flows[name], by) for name, by in found.items()]


def _row(name: str, flows: Iterable[str], by: Mapping[str, int]) -> FlowCount:
    arrived = ", ".join(sorted(flow.partition("-")[2] for flow in flows))
    return FlowCount(name, arrived, by.get("delivered", 0), by.get("suppressed", 0), by.get("rejected", 0))


@dataclass(frozen=True, slots=True)
class Counted:
    """Everything in the end. `contacts` are the vendors' own counts, `repeated` those beyond our receipts."""

    ids: Sequence[str]
    events: Mapping[str, int]
    deliveries: Sequence[DeliveryCount]
    contacts: Mapping[str, int]
    repeated: int
    dead_letters: int
    redriven: int
    lost: Sequence[str]

    @property
    def flows(self) -> list[str]:
        """The business flows that delivered something."""
        return [row.flow for row in rows(self.ids, self.deliveries) if row.delivered]

    @property
    def missing(self) -> list[str]:
        """Those that did not."""
        return [name for name in self.ids if name not in self.flows]

    def summary(self, acknowledged: int) -> list[str]:
        """A few lines for people."""
        delivered = sum(one.count for one in self.deliveries if one.verdict.lower() == "delivered")
        nothing = f"; nothing arrived of {', '.join(self.missing)}" if self.missing else ""
        vendors = f"{sum(self.contacts.values())} contacts at the vendors, {self.repeated} repeated"
        return [
            f"{acknowledged} events acknowledged, {sum(self.events.values())} in Kafka; {delivered} deliveries",
            f"{vendors}; {len(self.lost)} lost; {self.dead_letters} dead letters, {self.redriven} redriven",
            f"{len(self.flows)} of {len(self.ids)} flows delivered{nothing}",
        ]

    def report(self) -> dict[str, Any]:
        """The report file, for machines."""
        return {
            "events": dict(self.events),
            "deliveries": [asdict(one) for one in self.deliveries],
            "contacts": dict(self.contacts),
            "repeated": self.repeated,
            "dead_letters": self.dead_letters,
            "redriven": self.redriven,
            "lost": len(self.lost),
            "flows": self.flows,
            "flows_without_delivery": self.missing,
        }
