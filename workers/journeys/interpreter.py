"""Journeys as a reducer: events into evidence, evidence into timers, due timers into steps. Pure over `Memory`.

Every instance is one row. What arrived is remembered as evidence, and the timers are what follows from it, whatever
the order of arrival: a stop that is read before its start leaves a row of its own for `grace`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from common.store.times import micros, moment_of
from common.store.values import Instance, Timer
from workers.journeys import dating, joining, rows, waiting
from workers.journeys.definition import Condition, Date, Join, Journey, Trigger, Wait
from workers.journeys.incoming import Incoming
from workers.journeys.keys import about_of, covers, kept, text_of
from workers.journeys.memory import Memory
from workers.journeys.merging import merged
from workers.journeys.reducers import Wanted
from workers.journeys.rows import FORGET, Json

TOPIC = "comms.journey.v1"
CANCEL = "CANCEL_REQUESTED"


class Journeys:
    """The journeys of a deployment.

    `deployed` says since when each journey runs (microseconds): starts from before are ignored. What one of
    `own_actors` did starts nothing: it would answer itself.
    """

    def __init__(
        self, journeys: Iterable[Journey], deployed: Mapping[str, int] | None = None, own_actors: Collection[str] = ()
    ) -> None:
        self._by_name = {one.name: one for one in journeys}
        self._deployed, self._own = deployed or {}, frozenset(own_actors)
        self._by_topic: defaultdict[str, list[Journey]] = defaultdict(list)
        for journey in self._by_name.values():
            for topic in dict.fromkeys(one.topic for one in journey.triggers):
                self._by_topic[topic].append(journey)

    def wants(self, memory: Memory, record: Incoming) -> list[Wanted]:
        """All instances of the customer, of the journeys that the event may concern."""
        value, customer_id = record.value, record.customer_id
        if value is None or customer_id is None:
            return []
        names = [one.name for one in self._meant(record.topic, value)]
        if record.topic == TOPIC and value["type"] == CANCEL:
            names = [value["journey"]]
        return [(memory.instances, ("journey", "customer_id"), (name, customer_id)) for name in names]

    def take(self, memory: Memory, record: Incoming) -> None:
        """What the event starts, stops, opens, closes or cancels."""
        value = record.value
        if value is None:
            return
        if record.topic == TOPIC and value["type"] == CANCEL:
            self._cancel(memory, value)
        for journey in self._meant(record.topic, value):
            if refusal := _refusal(journey, value):
                memory.count(journey.name, refusal)
            elif isinstance(journey.kind, Join):
                self._join(memory, journey, journey.kind, record.topic, value)
            else:
                self._run(memory, journey, journey.kind, record.topic, value)

    def adopt(self, memory: Memory, substitute: str, customer_id: str) -> None:
        """A substitute's instances and timers become the customer's, merged where both have one about the same."""
        for journey in self._by_name.values():
            theirs = rows.all_of(memory, journey, substitute)
            if not theirs or isinstance(journey.kind, Join):
                continue
            mine = [rows.copied(row) for row in rows.all_of(memory, journey, customer_id)]
            for evidence in merged(journey, mine, [rows.copied(row) for row in theirs]):
                rows.put(memory, journey, customer_id, evidence, self._since(journey))
            for row in theirs:
                rows.drop(memory, row)
            memory.count(journey.name, "linked")

    def fire_wants(self, memory: Memory, timer: Timer) -> list[Wanted]:
        """The instance, and the customer's profile."""
        key = (timer.journey, timer.customer_id, timer.about)
        by_customer: Wanted = (memory.profiles, ("customer_id",), (timer.customer_id,))
        return [(memory.instances, ("journey", "customer_id", "about"), key), by_customer]

    def fire(self, memory: Memory, timer: Timer) -> None:
        """Emit the step of a due timer, unless it is too late for it, or nobody knows it any more."""
        row, journey = (
            memory.instances.get(timer.journey, timer.customer_id, timer.about),
            self._by_name.get(timer.journey),
        )
        if timer.step == FORGET:
            memory.instances.drop(timer.journey, timer.customer_id, timer.about)
        elif row is None or journey is None or timer.step.partition("@")[0] not in journey.steps:
            memory.count(timer.journey, "removed")
        else:
            self._fire(memory, journey, row, timer)

    def _fire(self, memory: Memory, journey: Journey, row: Instance, timer: Timer) -> None:
        is_late = memory.now - timer.due_at > journey.late_us
        memory.count(journey.name, "late" if is_late else "fired")
        evidence = rows.copied(row)
        if not is_late:
            step, _, instance = timer.step.partition("@")
            _emit(memory, journey, timer, step, instance, _story(journey, evidence, instance))
        evidence["done"] = [*evidence.get("done", ()), timer.step]
        if isinstance(journey.kind, Join):
            evidence["fired_at"] = timer.due_at
        rows.put(memory, journey, row.customer_id, evidence, self._since(journey))

    def _meant(self, topic: str, value: Mapping[str, Any]) -> list[Journey]:
        return [
            one for one in self._by_topic.get(topic, ()) if any(trigger.meets(topic, value) for trigger in one.triggers)
        ]

    def _run(self, memory: Memory, journey: Journey, kind: Wait | Date, topic: str, value: Mapping[str, Any]) -> None:
        at = micros(value["occurred_at"])
        if stop := _met(kind.stop, topic, value):
            self._stop(memory, journey, value, about_of(value, stop.by), at)
        if not (start := _met(kind.start, topic, value)):
            return
        about = about_of(value, start.by)
        date = dating.date_of(value, kind.field) if isinstance(kind, Date) else 0
        if refusal := self._no_start(journey, value, at, about, date):
            memory.count(journey.name, refusal)
        elif about is not None and date is not None:  # else it was refused
            self._start(memory, journey, value, about, at, date, is_stop=stop is not None)

    def _no_start(
        self, journey: Journey, value: Mapping[str, Any], at: int, about: Json | None, date: int | None
    ) -> str:
        if about is None or date is None:
            return "no_key"
        if self._is_own(value):
            return "own"
        return "before_deployment" if at < self._since(journey) else ""

    def _start(
        self, memory: Memory, journey: Journey, value: Mapping[str, Any], about: Json, at: int, date: int, *,
        is_stop: bool,
    ) -> None:  # fmt: skip
        customer_id = value["customer"]["customer_id"]
        evidence = rows.of(memory, journey, customer_id, about)
        known = [
            row.memory["stopped_at"]
            for row in rows.all_of(memory, journey, customer_id)
            if row.memory.get("stopped_at") is not None and covers(row.memory["about"], about)
        ]
        evidence["stopped_at"] = max(known, default=None)
        event = [value["event_id"], value["correlation_id"], kept(value, journey.keep)]
        if isinstance(journey.kind, Date):
            dating.start(evidence, at, event, date, is_stop=is_stop)
        elif evidence["stopped_at"] is None or at > evidence["stopped_at"]:
            waiting.start(evidence, journey, at, event)
        else:
            memory.count(journey.name, "stopped_before")
            return
        rows.put(memory, journey, customer_id, evidence, self._since(journey))

    def _stop(self, memory: Memory, journey: Journey, value: Mapping[str, Any], about: Json | None, at: int) -> None:
        if about is None:
            memory.count(journey.name, "no_key")
            return
        customer_id = value["customer"]["customer_id"]
        found = [row for row in rows.all_of(memory, journey, customer_id) if covers(about, row.memory["about"])]
        all_evidence = [rows.copied(row) for row in found]
        if all(one["about"] != about for one in all_evidence):
            all_evidence.append(rows.of(memory, journey, customer_id, about))
        for evidence in all_evidence:
            evidence["stopped_at"] = max(at, evidence.get("stopped_at") or at)
            evidence["note_until"] = memory.now + journey.grace_us
            if isinstance(journey.kind, Wait):
                waiting.stop(evidence, at)
            rows.put(memory, journey, customer_id, evidence, self._since(journey))

    def _join(self, memory: Memory, journey: Journey, join: Join, topic: str, value: Mapping[str, Any]) -> None:
        about, customer_id = about_of(value, journey.by), value["customer"]["customer_id"]
        if about is None:
            memory.count(journey.name, "no_key")
            return
        evidence = rows.of(memory, journey, customer_id, about)
        changes = [self._condition(memory, journey, each, evidence, topic, value) for each in join.conditions]
        if any(changes):
            evidence["note_until"] = memory.now + journey.grace_us
            rows.put(memory, journey, customer_id, evidence, self._since(journey))

    def _condition(
        self,
        memory: Memory,
        journey: Journey,
        condition: Condition,
        evidence: Json,
        topic: str,
        value: Mapping[str, Any],
    ) -> bool:
        """Whether the event opened or closed this condition."""
        is_close = _met(condition.close, topic, value) is not None
        if not is_close and _met(condition.open, topic, value) is None:
            return False
        key, at = about_of(value, condition.by), micros(value["occurred_at"])
        if key is None or (not is_close and self._is_own(value)):
            memory.count(journey.name, "no_key" if key is None else "own")
            return False
        if is_close:
            joining.closed(evidence, condition, text_of(key), at)
        else:
            event = [value["event_id"], kept(value, (*journey.keep, *condition.keep))]
            joining.opened(evidence, condition, text_of(key), at, event)
        return True

    def _cancel(self, memory: Memory, value: Mapping[str, Any]) -> None:
        """The instance's timers go, its evidence stays: a start that was read twice does not revive it."""
        journey = self._by_name.get(value["journey"])
        if journey is None or not value["customer"]:
            memory.count("", "cancel_unknown")
            return
        customer_id, instance = value["customer"]["customer_id"], value["instance"]
        for row in rows.all_of(memory, journey, customer_id):
            if any(key.partition("@")[2] == instance for key in row.memory.get("due", ())):
                evidence = rows.copied(row)
                evidence["cancelled"] = [*evidence.get("cancelled", ()), instance]
                rows.put(memory, journey, customer_id, evidence, self._since(journey))
                memory.count(journey.name, "cancelled")
                return
        memory.count(journey.name, "cancel_unknown")

    def _since(self, journey: Journey) -> int:
        return self._deployed.get(journey.name, 0)

    def _is_own(self, value: Mapping[str, Any]) -> bool:
        return bool(value["actor"]) and value["actor"]["id"] in self._own


def _refusal(journey: Journey, value: Mapping[str, Any]) -> str:
    if not value["customer"]:
        return "no_customer"
    is_substitute = not value["customer"]["resolved"]
    return "unresolved" if is_substitute and isinstance(journey.kind, Join) else ""


def _met(triggers: Iterable[Trigger], topic: str, value: Mapping[str, Any]) -> Trigger | None:
    return next((one for one in triggers if one.meets(topic, value)), None)


def _story(journey: Journey, evidence: Json, instance: str) -> tuple[str, str | None, Json]:
    """What led to a step: the event's id, its correlation id, the facts that were kept."""
    match journey.kind:
        case Wait():
            _, event_id, correlation_id, facts, _ = waiting.story(evidence, instance)
        case Date():
            _, event_id, correlation_id, facts, _ = evidence["newest"]
        case Join():
            openings = joining.held(evidence, journey.kind) or []
            event_id, correlation_id, facts = instance, None, joining.facts(openings)
    return event_id, correlation_id, facts


def _emit(
    memory: Memory, journey: Journey, timer: Timer, step: str, instance: str, story: tuple[str, str | None, Json]
) -> None:
    event_id, correlation_id, facts = story
    profile = memory.profiles.get(timer.customer_id)
    known = {**profile.customer, "resolved": profile.resolved} if profile else {}
    event = {
        "type": journey.emit,
        "source_instance": "journeys",
        "occurred_at": moment_of(timer.due_at),
        "customer": {**known, "customer_id": timer.customer_id},
        "correlation_id": correlation_id,
        "caused_by": event_id,
        "journey": journey.name,
        "instance": instance,
        "step": step or None,
        "due_at": moment_of(timer.due_at),
        "facts": facts,
    }
    name = (journey.name, timer.customer_id, timer.about, instance, step)
    memory.emit(TOPIC, timer.customer_id.encode(), event, *name)
