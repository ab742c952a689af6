"""Join: what is remembered of each condition, and when all hold together. Pure, blind to the order of arrival.

Evidence: `conditions`, of each name and key its `opens` ([time, event id, facts], oldest first) after `closed_at`;
and `fired_at`, the due time of the last step.
"""

from collections.abc import Iterator
from typing import Any

from workers.journeys.definition import Condition, Join, Journey, Mode
from workers.journeys.due import not_before

Json = dict[str, Any]
Opening = list[Any]
_KEPT = 50


def opened(evidence: Json, condition: Condition, key: str, at: int, event: Opening) -> None:
    """Remember an opening; one from before the last closing, and the same event again, change nothing."""
    state = _state(evidence, condition.name, key)
    if at > state["closed_at"] and all(one[1] != event[0] for one in state["opens"]):
        opens = sorted([*state["opens"], [at, *event]], key=lambda one: (one[0], one[1]))
        kept = condition.times + _KEPT
        state["opens"] = opens if len(opens) <= kept else [*opens[: condition.times], *opens[-_KEPT:]]


def closed(evidence: Json, condition: Condition, key: str, at: int) -> None:
    """Take back what was opened up to this time."""
    state = _state(evidence, condition.name, key)
    state["closed_at"] = max(at, state["closed_at"])
    state["opens"] = [one for one in state["opens"] if one[0] > state["closed_at"]]


def held(evidence: Json, join: Join) -> list[Opening] | None:
    """Of each condition, the opening since which it holds; None when one does not."""
    found = [_since(evidence, condition) for condition in join.conditions]
    return None if any(one is None for one in found) else [one for one in found if one is not None]


def plan(evidence: Json, journey: Journey, who: str, not_before_us: int) -> dict[str, int]:
    """The one timer, by `@instance`: once for each time that all hold together."""
    assert isinstance(journey.kind, Join)
    openings = held(evidence, journey.kind)
    if openings is None:
        return {}
    last = max(openings, key=lambda one: (one[0], one[1]))
    due, fired_at = not_before(journey, last[0], journey.kind.for_us, who), evidence.get("fired_at")
    if due < not_before_us or (fired_at is not None and not _is_another(journey, last[0], due, fired_at)):
        return {}
    return {f"@{last[1]}": due}


def until(evidence: Json, journey: Journey) -> int | None:
    """Until when an opening needs to know of this; None while something is open."""
    if any(state["opens"] for state in _states(evidence)):
        return None
    fired_at = evidence.get("fired_at")
    return fired_at + journey.tempo.lasts(journey.again.after_us) if fired_at is not None else 0


def facts(openings: list[Opening]) -> Json:
    """What the conditions kept, the later opening's word over the earlier one's."""
    return {name: text for one in sorted(openings, key=lambda one: one[0]) for name, text in one[2].items()}


def _is_another(journey: Journey, since: int, due: int, fired_at: int) -> bool:
    if since <= fired_at:
        return False  # the same holding, or one that was over before anybody could know
    return journey.again.mode is not Mode.AFTER or due > fired_at + journey.tempo.lasts(journey.again.after_us)


def _since(evidence: Json, condition: Condition) -> Opening | None:
    keys = evidence.get("conditions", {}).get(condition.name, {}).values()
    holding = [state["opens"][condition.times - 1] for state in keys if len(state["opens"]) >= condition.times]
    return min(holding, key=lambda one: (one[0], one[1]), default=None)


def _states(evidence: Json) -> Iterator[Json]:
    for by_key in evidence.get("conditions", {}).values():
        yield from by_key.values()


def _state(evidence: Json, name: str, key: str) -> Json:
    by_key: Json = evidence.setdefault("conditions", {}).setdefault(name, {})
    found: Json = by_key.setdefault(key, {"opens": [], "closed_at": -1})
    return found
