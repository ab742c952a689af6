"""Which events change which facts: one pure step from memory and event to memory."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from common.store.rows import Key
from workers.journeys import alerts, profiles, timeline, workspaces
from workers.journeys.erasure import Identities
from workers.journeys.incoming import Incoming
from workers.journeys.memory import Memory, Shelf
from workers.journeys.preferences import Preferences

PROFILE, PREFERENCE, WORKSPACE, ALERT = (
    "comms.profile.v1",
    "comms.preference.v1",
    "comms.workspace.v1",
    "comms.alert.v1",
)

Wanted = tuple[Shelf[Any], tuple[str, ...], Key]
"""Rows to load: a shelf, the columns to look in, the values to look for."""


class Reducer(Protocol):
    """What takes events in. Journeys are one: they read facts, keep instances, set timers and emit."""

    def wants(self, memory: Memory, record: Incoming) -> list[Wanted]:
        """The rows that `take` will look at; asked for each record of a batch before any is taken."""
        ...

    def take(self, memory: Memory, record: Incoming) -> None:
        """Change memory by one event; no I/O, and no clock but `memory.now`."""
        ...

    def adopt(self, memory: Memory, substitute: str, customer_id: str) -> None:
        """What is kept about a substitute is the customer's from now on; profiles and instances of both are loaded."""
        ...


class Facts:
    """The customer store's own reducer: profile, consent, timeline, workspaces, alerts."""

    def __init__(
        self, preferences: Preferences, identities: Identities, endings: workspaces.Endings | None = None
    ) -> None:
        self._preferences, self._identities = preferences, identities
        self._endings = endings or workspaces.Endings()

    def wants(self, memory: Memory, record: Incoming) -> list[Wanted]:
        """The customer's profile and tombstones, and what the topic is about."""
        lifted: list[Wanted] = (
            [(memory.evidence, ("subject",), (f"c:{record.lifts.customer_id}",))] if record.lifts else []
        )
        if record.value is None:
            return lifted
        by_topic = _WANTS.get(record.topic)
        about = by_topic(memory, record.value) if by_topic else []
        return [*lifted, *self._customer(memory, record.value["customer"]), *about]

    def take(self, memory: Memory, record: Incoming) -> None:
        """Change the facts. Events of forgotten customers do not get here: the applier asks `is_forgotten`."""
        value = record.value
        if value is None:
            return
        if value["customer"] and record.topic != PROFILE:
            _adopt_linked(memory, value["customer"])
            profile = profiles.know_customer(memory, value["customer"], record.occurred_at)
            if record.topic in timeline.TOPICS and timeline.record(memory, record.topic, value):
                profiles.engaged(memory, profile, record.occurred_at)
        self._topic(memory, record.topic, value)

    def adopt(self, memory: Memory, substitute: str, customer_id: str) -> None:
        """The profile; what else there is needs no reading to be moved."""
        profiles.adopt(memory, substitute, customer_id)

    def is_forgotten(self, memory: Memory, record: Incoming) -> bool:
        """Whether its customer was erased after it happened."""
        customer = record.value["customer"] if record.value else None
        return customer is not None and self._identities.is_forgotten(memory, customer, record.occurred_at)

    def _topic(self, memory: Memory, topic: str, value: Mapping[str, Any]) -> None:
        match topic, value["type"]:
            case "comms.preference.v1", _:
                self._preferences.take(memory, value)
            case "comms.profile.v1", "CHANGED" if value["customer"]:
                profiles.change_profile(memory, value)
            case "comms.profile.v1", "LINKED" if value["customer"]:
                if substitute := profiles.link(memory, value):
                    self._preferences.join(memory, value["customer"], substitute)
                    _adopt_linked(memory, {"customer_id": substitute, "resolved": False})
            case "comms.engagement.v1", "SCORE_CHANGED" if value["customer"]:
                profiles.scored(memory, value)
            case "comms.workspace.v1", _:
                workspaces.take_workspace(memory, value, self._endings)
            case "comms.alert.v1", _:
                alerts.take_alert(memory, value)
            case _:
                pass

    def _customer(self, memory: Memory, customer: Mapping[str, Any] | None) -> list[Wanted]:
        if not customer:
            return []
        links: list[Wanted] = (
            [] if customer["resolved"] else [(memory.links, ("substitute_id",), (customer["customer_id"],))]
        )
        stones: list[Wanted] = [(memory.tombstones, ("identity",), (one,)) for one in self._identities.of(customer)]
        return [*links, *stones, (memory.profiles, ("customer_id",), (customer["customer_id"],))]


def _adopt_linked(memory: Memory, customer: Mapping[str, Any]) -> None:
    """What is read of a substitute after it was linked becomes the customer's, too."""
    link = None if customer["resolved"] else memory.links.get(customer["customer_id"])
    if link is not None:
        memory.adoptions.add((link.substitute_id, link.customer_id))


def _wish(memory: Memory, value: Mapping[str, Any]) -> list[Wanted]:
    if not value["customer"]:
        return []
    customer_id = value["customer"]["customer_id"]
    by_customer: list[Wanted] = [
        (shelf, ("customer_id",), (customer_id,)) for shelf in (memory.decisions, memory.systems)
    ]
    return [(memory.evidence, ("subject",), (f"c:{customer_id}",)), *by_customer]


def _profile(memory: Memory, value: Mapping[str, Any]) -> list[Wanted]:
    if value["type"] != "LINKED" or not value["substitute_id"]:
        return []
    return [(memory.evidence, ("subject",), (f"c:{value['substitute_id']}",)), *_wish(memory, value)]


_WANTS: Mapping[str, Callable[[Memory, Mapping[str, Any]], list[Wanted]]] = {
    PREFERENCE: _wish,
    PROFILE: _profile,
    WORKSPACE: lambda memory, value: [(memory.workspaces, ("workspace_id",), (value["workspace_id"],))],
    ALERT: lambda memory, value: [(memory.alerts, ("alert_key",), (value["alert_key"],))],
}
