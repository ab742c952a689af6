"""What journeys would do with events: a virtual clock over memory, no broker and no database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.store.times import micros
from common.store.values import Timer
from workers.journeys.definition import Journey
from workers.journeys.incoming import Incoming
from workers.journeys.interpreter import Journeys
from workers.journeys.memory import Memory
from workers.journeys.profiles import know_customer
from workers.journeys.rows import FORGET

_FAR = 1 << 62


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event, and when the worker would read it (microseconds)."""

    at: int
    topic: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happens: `what` is event, due, gone, fired or a refusal; times in microseconds."""

    at: int
    what: str
    journey: str = ""
    customer_id: str = ""
    step: str = ""
    instance: str = ""
    due_at: int | None = None
    facts: Mapping[str, str] | None = None


def explain(journeys: Sequence[Journey], arrivals: Iterable[Arrival], until: int | None = None) -> Iterator[Line]:
    """What happens, in order; after the last event until nothing is due any more, or to `until`."""
    play = _Play(Journeys(journeys))
    for one in sorted(arrivals, key=lambda arrival: arrival.at):
        yield from play.fire(one.at - 1)
        yield from play.take(one)
    yield from play.fire(_FAR if until is None else until)


class _Play:
    def __init__(self, journeys: Journeys) -> None:
        self._journeys, self._memory, self._count = journeys, Memory(0, 0), 0

    def take(self, one: Arrival) -> Iterator[Line]:
        """Read an event; what it sets and takes back."""
        memory, before = self._at(one.at), self._pending()
        self._count += 1
        customer = one.value["customer"]
        yield Line(one.at, "event", "", customer["customer_id"] if customer else "", one.value["type"])
        if customer:
            know_customer(memory, customer, micros(one.value["occurred_at"]))
        self._journeys.take(memory, Incoming(one.topic, self._count, one.value))
        yield from self._refusals(memory)
        yield from self._changes(before, one.at)

    def fire(self, due: int) -> Iterator[Line]:
        """Fire what is due by then, each at its own time."""
        while (timer := self._next()) is not None and timer.due_at <= due:
            memory, before = self._at(max(timer.due_at, self._memory.now)), self._pending()
            memory.timers.drop(*memory.timers.shape.key_of(timer))
            before.pop(memory.timers.shape.key_of(timer), None)
            self._journeys.fire(memory, timer)
            yield from self._outcome(memory, timer)
            yield from self._changes(before, memory.now)

    def _outcome(self, memory: Memory, timer: Timer) -> Iterator[Line]:
        if timer.step == FORGET:
            return
        step, _, instance = timer.step.partition("@")
        (what,) = {name for _, name in memory.counts}
        facts = memory.outbox[0].value["facts"] if memory.outbox and memory.outbox[0].value else None
        yield Line(memory.now, what, timer.journey, timer.customer_id, step, instance, timer.due_at, facts)

    def _at(self, now: int) -> Memory:
        self._memory.now = now
        self._memory.outbox.clear()
        self._memory.counts.clear()
        return self._memory

    def _next(self) -> Timer | None:
        timers = self._memory.timers.where(lambda _: True)
        return min(timers, key=lambda one: (one.due_at, one.journey, one.step), default=None)

    def _pending(self) -> dict[tuple[str, ...], Timer]:
        shelf = self._memory.timers
        return {shelf.shape.key_of(one): one for one in shelf.where(lambda one: one.step != FORGET)}

    def _changes(self, before: Mapping[tuple[str, ...], Timer], at: int) -> Iterator[Line]:
        after = self._pending()
        for key in sorted(before.keys() - after.keys()):
            yield _line(at, "gone", before[key])
        for key in sorted(after, key=lambda one: (after[one].due_at, one)):
            if after[key] != before.get(key):
                yield _line(at, "due", after[key])

    def _refusals(self, memory: Memory) -> Iterator[Line]:
        for (journey, what), _ in sorted(memory.counts.items()):
            yield Line(memory.now, what, journey)


def _line(at: int, what: str, timer: Timer) -> Line:
    step, _, instance = timer.step.partition("@")
    return Line(at, what, timer.journey, timer.customer_id, step, instance, timer.due_at)
