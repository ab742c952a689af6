"""Wait: what is remembered of starts, and which steps follow from it. Pure, and blind to the order of arrival.

Evidence: `starts` (each [time, event id, correlation id, facts, steps], oldest first) that no stop has taken back, and
`limit_at`, the last start of which a step was emitted before a stop took it back. The steps are those of the file at
that time: a changed `after` holds for new instances.
"""

from collections.abc import Iterable
from typing import Any

from workers.journeys.definition import Journey, Mode, Wait
from workers.journeys.due import not_before

Json = dict[str, Any]
_KEPT = 20


def start(evidence: Json, journey: Journey, at: int, event: list[Any]) -> None:
    """Remember a start; the same event again changes nothing."""
    starts = evidence.setdefault("starts", [])
    if all(one[1] != event[0] for one in starts):
        assert isinstance(journey.kind, Wait)
        starts.append([at, *event, dict(journey.kind.after)])
        starts.sort(key=lambda one: (one[0], one[1]))
        evidence["starts"] = _worth_keeping(starts, journey)


def together(one: Iterable[list[Any]], other: Iterable[list[Any]], journey: Journey) -> list[list[Any]]:
    """The starts of two ids that are one customer's, each once."""
    by_event = {start[1]: start for start in (*other, *one)}
    return _worth_keeping(sorted(by_event.values(), key=lambda start: (start[0], start[1])), journey)


def stop(evidence: Json, at: int) -> None:
    """Take back what started up to this time."""
    taken = [one for one in evidence.get("starts", ()) if one[0] <= at]
    evidence["starts"] = [one for one in evidence.get("starts", ()) if one[0] > at]
    done = _acted(evidence)
    acted = [one[0] for one in taken if one[1] in done]
    evidence["limit_at"] = max([evidence.get("limit_at") or 0, *acted])


def runs(evidence: Json, journey: Journey) -> list[list[Any]]:
    """The starts that count: those that `again` lets through, and those that have acted.

    A start that is read after a later one has acted does not act, too, where `again` would have kept that one back.
    """
    again, found = journey.again, list[list[Any]]()
    starts: list[list[Any]] = evidence.get("starts", [])
    if again.mode is Mode.RESTART:
        return starts[-1:]
    limit, acted = evidence.get("limit_at") or 0, _acted(evidence)
    past = [one[0] for one in starts if one[1] in acted]
    for one in starts:
        blocked = found[-1][0] + _window(journey) if found else _limited(journey, limit)
        is_overtaken = any(one[0] <= at <= one[0] + _window(journey) for at in past)
        if one[1] in acted or (one[0] > blocked and not is_overtaken):
            found.append(one)
    return found


def plan(evidence: Json, journey: Journey, who: str) -> dict[str, int]:
    """Timers by `step@instance`."""
    return {
        f"{step}@{one[1]}": not_before(journey, one[0], length, who)
        for one in runs(evidence, journey)
        for step, length in one[4].items()
        if step in journey.steps
    }


def until(evidence: Json, journey: Journey) -> int:
    """Until when a new start needs to know of this."""
    newest = max((one[0] for one in evidence.get("starts", ())), default=0)
    return max(newest + _window(journey) if newest else 0, _limited(journey, evidence.get("limit_at") or 0))


def story(evidence: Json, instance: str) -> list[Any]:
    """The start of an instance: time, event id, correlation id, facts."""
    found: list[Any] = next(one for one in evidence["starts"] if one[1] == instance)
    return found


def _acted(evidence: Json) -> set[str]:
    """The instances of which a step was emitted."""
    return {key.partition("@")[2] for key in evidence.get("done", ())}


def _limited(journey: Journey, limit: int) -> int:
    again = journey.again
    return limit + journey.tempo.lasts(again.after_us) if limit and again.mode is Mode.AFTER else -1


def _window(journey: Journey) -> int:
    assert isinstance(journey.kind, Wait)
    return journey.tempo.lasts(max([*journey.kind.after.values(), journey.again.after_us]))


def _worth_keeping(starts: list[list[Any]], journey: Journey) -> list[list[Any]]:
    """A bound on what a customer who starts all day long leaves behind: the runs, and the newest others."""
    if len(starts) <= _KEPT:
        return starts
    if journey.again.mode is Mode.RESTART:
        return starts[-_KEPT:]
    kept = {one[1] for one in runs({"starts": starts}, journey)[-_KEPT:]} | {one[1] for one in starts[-_KEPT:]}
    return [one for one in starts if one[1] in kept]
