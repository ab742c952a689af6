"""An instance's row: its evidence, and its timers kept in step with what follows from the evidence."""

from typing import Any, assert_never

import orjson

from common.store.values import Instance, Timer
from workers.journeys import dating, joining, waiting
from workers.journeys.definition import Date, Join, Journey, Wait
from workers.journeys.keys import name_of, text_of
from workers.journeys.memory import Memory

Json = dict[str, Any]

FORGET = "~"
"""The timer that ends a row: nothing that may still arrive needs it then."""

_KEPT = 50


def all_of(memory: Memory, journey: Journey, customer_id: str) -> list[Instance]:
    """Every row of a customer at a journey."""
    return memory.instances.where(lambda row: row.journey == journey.name and row.customer_id == customer_id)


def of(memory: Memory, journey: Journey, customer_id: str, about: Json) -> Json:
    """The evidence about one thing, to be changed and put back; empty when there is none."""
    row = memory.instances.get(journey.name, customer_id, text_of(about))
    return copied(row) if row else {"about": about}


def copied(row: Instance) -> Json:
    """The evidence of a row, to be changed and put back."""
    found: Json = orjson.loads(orjson.dumps(row.memory))
    return found


def put(memory: Memory, journey: Journey, customer_id: str, evidence: Json, since: int) -> None:
    """Write the row, and the timers that follow from it; `since` is the journey's first deployment."""
    about = text_of(evidence["about"])
    due = _due(journey, customer_id, evidence, since)
    before: Json = evidence.get("due", {})
    for step in before.keys() - due.keys():
        memory.timers.drop(journey.name, customer_id, about, step)
    for step, at in due.items():
        if before.get(step) != at:
            memory.timers.put(Timer(journey.name, customer_id, about, step, memory.partition, at))
    evidence["due"], evidence["done"] = due, evidence.get("done", [])[-_KEPT:]
    evidence["cancelled"] = evidence.get("cancelled", [])[-_KEPT:]
    _forget_later(memory, journey, customer_id, about, evidence)
    known = memory.instances.get(journey.name, customer_id, about)
    started_at = known.started_at if known else memory.now
    memory.instances.put(Instance(journey.name, customer_id, about, memory.partition, started_at, evidence))


def drop(memory: Memory, row: Instance) -> None:
    """A row and its timers are gone."""
    for step in (*row.memory.get("due", ()), FORGET):
        memory.timers.drop(row.journey, row.customer_id, row.about, step)
    memory.instances.drop(row.journey, row.customer_id, row.about)


def _due(journey: Journey, customer_id: str, evidence: Json, since: int) -> dict[str, int]:
    match journey.kind:
        case Wait():
            found = waiting.plan(evidence, journey, customer_id)
        case Date():
            found = dating.plan(evidence, journey, customer_id, name_of(evidence["about"]))
        case Join():
            found = joining.plan(evidence, journey, customer_id, since)
        case _:
            assert_never(journey.kind)
    over, done = set(evidence.get("cancelled", ())), set(evidence.get("done", ()))
    return {step: at for step, at in found.items() if step not in done and step.partition("@")[2] not in over}


def _forget_later(memory: Memory, journey: Journey, customer_id: str, about: str, evidence: Json) -> None:
    until = _until(journey, evidence)
    if until is None:
        memory.timers.drop(journey.name, customer_id, about, FORGET)
        return
    last = max([until, *evidence["due"].values()]) + max(journey.late_us, journey.grace_us)
    at = max(last, evidence.get("note_until") or 0, memory.now + journey.grace_us)
    memory.timers.put(Timer(journey.name, customer_id, about, FORGET, memory.partition, at))


def _until(journey: Journey, evidence: Json) -> int | None:
    match journey.kind:
        case Wait():
            return waiting.until(evidence, journey)
        case Date():
            return dating.until(evidence, journey)
        case Join():
            return joining.until(evidence, journey)
        case _:
            assert_never(journey.kind)
