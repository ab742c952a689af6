"""Profile events, and what every event says of its customer, into the profile: the newest word on each field wins."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.store.profile_fields import FACTS, NOT_KEPT
from common.store.times import micros
from common.store.values import Link, Profile
from workers.journeys.memory import Memory

_CUSTOMER = "customer"


def know_customer(memory: Memory, customer: Mapping[str, Any], at: int) -> Profile:
    """The customer's profile, with what this event says of them: an older event only fills gaps."""
    before = memory.profiles.get(customer["customer_id"])
    profile = before or _stranger(memory, customer, at)
    said = {name: value for name, value in customer.items() if value is not None and name not in NOT_KEPT}
    is_newer = at >= profile.times.get(_CUSTOMER, 0)
    known = {**profile.customer, **said} if is_newer else {**said, **profile.customer}
    if before is None or known != profile.customer:
        times = {**profile.times, _CUSTOMER: max(at, profile.times.get(_CUSTOMER, 0))}
        profile = replace(profile, customer=known, times=times, changed_at=max(at, profile.changed_at))
        memory.profiles.put(profile)
    return profile


def engaged(memory: Memory, profile: Profile, at: int) -> None:
    """The customer did something of their own at this time."""
    if profile.engaged_at is None or at > profile.engaged_at:
        memory.profiles.put(replace(profile, engaged_at=at))


def change_profile(memory: Memory, value: Mapping[str, Any]) -> None:
    """CHANGED: a delta changes what it states, a snapshot everything; null alone means not stated."""
    _change(memory, value, _stated(value))


def scored(memory: Memory, value: Mapping[str, Any]) -> None:
    """A score that changed is the profile's at once: what follows from the change asks for it."""
    if value["score"] is not None:
        _change(memory, value, {"lead_score": value["score"]})


def link(memory: Memory, value: Mapping[str, Any]) -> str | None:
    """LINKED: the substitute is this customer from now on; the substitute, or None where there is nothing to link.

    A substitute is never linked to another substitute.
    """
    at, substitute = micros(value["occurred_at"]), value["substitute_id"]
    know_customer(memory, value["customer"], at)
    if not substitute or substitute == value["customer"]["customer_id"] or not value["customer"]["resolved"]:
        return None
    memory.links.put(Link(substitute, value["customer"]["customer_id"], at))
    return str(substitute)


def adopt(memory: Memory, substitute: str, customer_id: str) -> None:
    """A substitute's facts count for the customer, each by its own time; its row stays, to be recognised."""
    theirs = memory.profiles.get(substitute)
    if theirs is None:
        return
    told_at = theirs.times.get(_CUSTOMER, 0)
    mine = know_customer(memory, {**theirs.customer, "customer_id": customer_id, "resolved": True}, told_at)
    facts, times = dict(mine.facts), dict(mine.times)
    for name, at in theirs.times.items():
        if name != _CUSTOMER and at > times.get(name, 0):
            facts[name], times[name] = theirs.facts.get(name), at
    kept = {name: fact for name, fact in facts.items() if fact is not None}
    memory.profiles.put(replace(mine, facts=kept, times=times, changed_at=max(mine.changed_at, theirs.changed_at)))
    if theirs.engaged_at is not None:
        engaged(memory, memory.profiles.get(customer_id) or mine, theirs.engaged_at)


def _change(memory: Memory, value: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
    at = micros(value["occurred_at"])
    profile = know_customer(memory, value["customer"], at)
    facts, times = dict(profile.facts), dict(profile.times)
    for name, fact in stated.items():
        if at >= times.get(name, 0):
            facts[name], times[name] = fact, at
    kept = {name: fact for name, fact in facts.items() if fact is not None}
    memory.profiles.put(replace(profile, facts=kept, times=times, changed_at=max(at, profile.changed_at)))


def _stated(value: Mapping[str, Any]) -> dict[str, Any]:
    """What the event says, None for what it empties."""
    if value["snapshot"]:
        return {name: value[name] if value[name] not in (None, []) else None for name in FACTS}
    said = {name: value[name] for name in FACTS if value[name] not in (None, [])}
    return {**said, **{name: None for name in value["cleared"] if name in FACTS}}


def _stranger(memory: Memory, customer: Mapping[str, Any], at: int) -> Profile:
    return Profile(customer["customer_id"], memory.partition, customer["resolved"], {}, {}, {}, None, at)
