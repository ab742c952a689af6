"""Evidence of two ids that turned out to be one customer: as if all of it had always been theirs. Pure.

Nothing fires twice: what either has fired or cancelled stays so. Joins are not here, a substitute joins nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from workers.journeys import waiting
from workers.journeys.definition import Date, Join, Journey, Wait
from workers.journeys.keys import covers, text_of

Json = dict[str, Any]


def merged(journey: Journey, mine: Iterable[Json], theirs: Iterable[Json]) -> list[Json]:
    """The evidence of a customer's instances together with a substitute's; `due` stays that of the customer's timers.

    A stop under either id stops what the other had started.
    """
    found = {text_of(one["about"]): one for one in mine}
    for other in theirs:
        key = text_of(other["about"])
        found[key] = _together(journey, found.get(key, {"about": other["about"]}), other)
    for evidence in found.values():
        _stopped(journey, evidence, found.values())
    return list(found.values())


def _together(journey: Journey, one: Json, other: Json) -> Json:
    latest = {name: _later(one.get(name), other.get(name)) for name in ("stopped_at", "note_until", "limit_at")}
    both = {name: _each_once(one.get(name, ()), other.get(name, ())) for name in ("done", "cancelled")}
    whole = {**one, **{name: at for name, at in latest.items() if at is not None}, **both}
    match journey.kind:
        case Wait():
            return {**whole, "starts": waiting.together(one.get("starts", ()), other.get("starts", ()), journey)}
        case Date():
            return {**whole, **_dates(one, other)}
        case Join():
            return one


def _dates(one: Json, other: Json) -> Json:
    sights = dict(one.get("sights", {}))
    for date, at in other.get("sights", {}).items():
        sights[date] = min(at, sights.get(date, at))
    said = [each["newest"] for each in (one, other) if each.get("newest")]
    return {"sights": sights, "newest": max(said, key=lambda newest: (newest[0], newest[1]))} if said else {}


def _stopped(journey: Journey, evidence: Json, all_evidence: Iterable[Mapping[str, Any]]) -> None:
    stops = [
        one["stopped_at"]
        for one in all_evidence
        if one.get("stopped_at") is not None and covers(one["about"], evidence["about"])
    ]
    if stops:
        evidence["stopped_at"] = max(stops)
        if isinstance(journey.kind, Wait):
            waiting.stop(evidence, max(stops))


def _later(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _each_once(one: Iterable[str], other: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*one, *other)))
