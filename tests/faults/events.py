"""Numbered events of several customers on several topics, and the flows that act on them.

Each customer's events of a topic carry the numbers 0, 1, 2, … in `attributes.number`. The first part of a
customer's name is its kind (`slow-3` is of kind `slow`); a flow may act on one kind only.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from workers.flows.names import name_hash

WORKSPACE, COMMUNICATION, ENGAGEMENT = "comms.workspace.v1", "comms.communication.v1", "comms.engagement.v1"
TRACK, UPDATE, TRIGGER = "track_event", "update_attributes", "trigger_campaign"
ONCE = frozenset({TRACK, TRIGGER})
CAMPAIGN = "9c1c2a2e-5d0f-4a35-8f44-1f6a3f1b7c01"

_NAMESPACE = UUID("7d3f3a52-0c6b-4a6e-9a55-0f5b1f6f0c11")
_START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_TYPES = {WORKSPACE: "UPDATED", COMMUNICATION: "SENT", ENGAGEMENT: "PAGE_VISITED"}


class Mark(NamedTuple):
    """Which event: its topic, its customer, its number."""

    topic: str
    customer: str
    number: int

    @property
    def kind(self) -> str:
        """The first part of the customer's name."""
        return self.customer.partition("-")[0]


class Delivery(NamedTuple):
    """One event for one flow."""

    flow: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class FlowLine:
    """A flow of the harness; with a kind it acts on customers of that kind only."""

    name: str
    topic: str
    action: str
    kind: str = ""

    @property
    def is_once(self) -> bool:
        """Whether its action must not be made twice."""
        return self.action in ONCE

    def acts_on(self, mark: Mark) -> bool:
        """Whether an event becomes a delivery of this flow."""
        return mark.topic == self.topic and self.kind in ("", mark.kind)

    def declared(self) -> dict[str, Any]:
        """As it stands in a flow file."""
        kind = {"attributes.kind": [self.kind]} if self.kind else {}
        when = {"type": [_TYPES[self.topic]], "source": ["fault-harness"], **kind}
        return {"name": self.name, "on": self.topic, "when": when, "do": f"braze.{self.action}", **self._with()}

    def _with(self) -> dict[str, Any]:
        number = "${attributes.number}"
        match self.action:
            case "track_event":
                return {"with": {"name": self.name, "properties": {"number": number}}}
            case "update_attributes":
                return {"with": {"attributes": {self.name: number}}}
        properties = {"flow": self.name, "number": number}
        return {"with": {"campaign": "harness", "trigger_properties": properties}, "consent": "none"}


TOLD = FlowLine("told", WORKSPACE, TRACK)
KEPT = FlowLine("kept", WORKSPACE, UPDATE)
SENT = FlowLine("sent", COMMUNICATION, TRIGGER)
SEEN = FlowLine("seen", ENGAGEMENT, UPDATE)
FLOWS = (TOLD, KEPT, SENT, SEEN)
"""Two flows on one event, once before repeatable; a once one alone, a repeatable one alone."""

LATER_FLOWS = (FlowLine("noted", ENGAGEMENT, TRACK), SEEN, SENT, TOLD, KEPT)
"""What a deploy changes them to: one more, in another order; two on one event keep theirs."""


def known_name(flow: str) -> str:
    """A flow's name; what stands for one that a worker had not in its files is its hash, as #03fa."""
    names = {f"#{name_hash(one.name):04x}": one.name for one in (*FLOWS, *LATER_FLOWS)}
    return names.get(flow, flow)


def deliveries_of(mark: Mark, flows: Sequence[FlowLine]) -> list[Delivery]:
    """What must become of an event, in catalogue order."""
    return [Delivery(flow.name, mark) for flow in flows if flow.acts_on(mark)]


def flow_file(flows: Sequence[FlowLine]) -> str:
    """The flows as a file; JSON is YAML."""
    return json.dumps([flow.declared() for flow in flows], indent=1)


@dataclass(frozen=True, slots=True)
class History:
    """How many events of how many customers on which topics, in which random order."""

    seed: int
    customers: int = 12
    each: int = 40
    topics: Sequence[str] = (WORKSPACE,)

    def marks(self) -> Iterator[Mark]:
        """Every mark once; the numbers of one customer on one topic rise by one."""
        chance = random.Random(self.seed)
        left = {(topic, f"c-{n}"): 0 for topic in self.topics for n in range(self.customers)}
        while left:
            which = chance.choice(sorted(left))
            yield Mark(*which, left[which])
            left[which] += 1
            if left[which] == self.each:
                del left[which]


def event_id(mark: Mark) -> str:
    """The same for the same mark: an event that upstream sends twice has one id."""
    return str(uuid5(_NAMESPACE, f"{mark.topic}/{mark.customer}/{mark.number}"))


def event(mark: Mark, padding: str = "") -> dict[str, Any]:
    """The JSON form of one event."""
    at = (_START + timedelta(seconds=mark.number)).isoformat()
    attributes = {"number": str(mark.number), "kind": mark.kind} | ({"padding": padding} if padding else {})
    return {
        "event_id": event_id(mark),
        "type": _TYPES[mark.topic],
        "source": "fault-harness",
        "occurred_at": at,
        "ingested_at": at,
        "customer": {"customer_id": mark.customer, "resolved": True},
        "attributes": attributes,
    } | ({"workspace_id": f"workspace-of-{mark.customer}"} if mark.topic == WORKSPACE else {})


def mark_of(topic: str, value: dict[str, Any]) -> Mark:
    """The mark of a decoded event."""
    return Mark(topic, value["customer"]["customer_id"], int(value["attributes"]["number"]))
