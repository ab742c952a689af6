"""Seeded, numbered events: what goes in, so that what comes out can be compared.

Each customer's events carry the numbers 0, 1, 2, … in `attributes.number`; customers are interleaved at
random. The same seed makes the same history.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

TOPIC = "comms.workspace.v1"

_NAMESPACE = UUID("7d3f3a52-0c6b-4a6e-9a55-0f5b1f6f0c11")
_START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class Mark(NamedTuple):
    """Which event of which customer."""

    customer: str
    number: int


@dataclass(frozen=True, slots=True)
class History:
    """How many events of how many customers, in which random order."""

    seed: int
    customers: int = 12
    each: int = 40

    def marks(self) -> Iterator[Mark]:
        """Every mark once; the numbers of one customer rise by one."""
        chance = random.Random(self.seed)
        left = {f"customer-{self.seed}-{n}": 0 for n in range(self.customers)}
        while left:
            customer = chance.choice(sorted(left))
            yield Mark(customer, left[customer])
            left[customer] += 1
            if left[customer] == self.each:
                del left[customer]


def event(mark: Mark) -> dict[str, Any]:
    """The JSON form of one event on TOPIC."""
    at = (_START + timedelta(seconds=mark.number)).isoformat()
    return {
        "event_id": str(uuid5(_NAMESPACE, f"{mark.customer}/{mark.number}")),
        "type": "UPDATED",
        "source": "fault-harness",
        "occurred_at": at,
        "ingested_at": at,
        "customer": {"customer_id": mark.customer, "resolved": True},
        "attributes": {"number": str(mark.number)},
        "workspace_id": f"workspace-of-{mark.customer}",
    }


def mark_of(value: dict[str, Any]) -> Mark:
    """The mark of a decoded event."""
    return Mark(value["customer"]["customer_id"], int(value["attributes"]["number"]))
