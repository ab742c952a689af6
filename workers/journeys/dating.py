"""Date: what is remembered of a date in the events, and which steps follow from it. Pure, blind to order of arrival.

Evidence: `sights` (of each date, when it was first seen), `newest` ([time, event id, correlation id, facts, date]),
`stopped_at`, and `renewed` ([date, time]) of a stop that says a date itself. The newest event says the date. A stopped
date stays stopped, another one starts again: also one that the stop is the first to say, for then it is a renewal.
"""

from collections.abc import Mapping
from typing import Any

from common.store.times import micros
from workers.journeys.definition import Date, Journey, reader
from workers.journeys.due import local_date, on_the_day

Json = dict[str, Any]
_DATES = 50


def date_of(value: Mapping[str, Any], field: str) -> int | None:
    """The date of an event, in microseconds of journey time; None when it has none."""
    found = reader(field)(value)
    return None if found is None else micros(found)


def start(evidence: Json, at: int, event: list[Any], date: int, *, is_stop: bool = False) -> None:
    """Remember what an event says of the date; `is_stop` when it stops what was said before."""
    sights = evidence.setdefault("sights", {})
    if is_stop and at >= (evidence.get("renewed") or [0, 0])[1]:
        evidence["renewed"] = [date, at]
    sights[str(date)] = min(at, sights.get(str(date), at))
    newest = evidence.get("newest")
    if newest is None or (at, event[0]) >= (newest[0], newest[1]):
        evidence["newest"] = [at, *event, date]
    while len(sights) > _DATES:
        del sights[min(sights, key=lambda one: (one == str(evidence["newest"][4]), sights[one]))]


def plan(evidence: Json, journey: Journey, who: str, about: str) -> dict[str, int]:
    """Timers by `step@instance`; what was past at first sight is not among them."""
    newest = evidence.get("newest")
    if newest is None:
        return {}
    assert isinstance(journey.kind, Date)
    seen_at, date = evidence["sights"][str(newest[4])], newest[4]
    if _is_stopped(evidence, date, seen_at):
        return {}
    instance = _instance(journey, about, date)
    due = {
        f"{name}@{instance}": on_the_day(journey, date - length, who) for name, length in journey.kind.before.items()
    }
    return {key: at for key, at in due.items() if at >= seen_at}


def _is_stopped(evidence: Json, date: int, seen_at: int) -> bool:
    stopped_at = evidence.get("stopped_at") or -1
    is_renewal = evidence.get("renewed") == [date, stopped_at]
    return stopped_at > seen_at or (stopped_at == seen_at and not is_renewal)


def until(evidence: Json, journey: Journey) -> int:
    """Until when a new sight needs to know of this."""
    newest = evidence.get("newest")
    return journey.tempo.real(newest[4]) if newest else 0


def _instance(journey: Journey, about: str, date: int) -> str:
    return f"{about}:{local_date(journey, date)}" if about else local_date(journey, date)
