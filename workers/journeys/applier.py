"""Events into the store: one batch, one transaction, behind the fence, with the offsets (design §8).

A worker that lost its partition changes no row. A batch that was applied is not applied again: records below the
stored offset are passed over, so reading again from anywhere is harmless.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from common.clock import Clock
from common.store import shapes
from common.store.database import Database
from common.store.partitions import Holding, claim, fence
from common.store.rows import Key
from common.store.tables import timer
from common.store.times import DAY_US, micros
from common.store.values import Outgoing, Timer
from workers.journeys.erasure import Identities, erase
from workers.journeys.incoming import Incoming
from workers.journeys.linking import adopt
from workers.journeys.memory import Memory
from workers.journeys.preferences import lift_unreadable, suppress_unreadable
from workers.journeys.reducers import PROFILE, Facts, Reducer, Wanted

Fire = Callable[[Memory, Timer], None]
"""What a due timer does: it may change memory as a reducer does; the timer itself is gone."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A batch that stands: where the partition is now, and what is to be published, in order.

    `counts`, by journey and what became of a start or a step, is for the metrics; `fired` is how many timers are gone.
    """

    holding: Holding
    outgoing: tuple[Outgoing, ...]
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    fired: int = 0


class Applier:
    """Applies events of partitions that this worker owns; one thread for each partition number at a time."""

    def __init__(
        self,
        database: Database,
        facts: Facts,
        identities: Identities,
        clock: Clock,
        timeline_days: int,
        journeys: Sequence[Reducer] = (),
    ) -> None:
        self._database, self._facts, self._identities, self._clock = database, facts, identities, clock
        self._kept_us, self._reducers = timeline_days * DAY_US, (facts, *journeys)

    def claim(self, number: int) -> Holding:
        """Become the owner of a partition number; earlier owners are fenced from here on."""
        return self._database.write(lambda connection: claim(connection, number))

    def apply(self, mine: Holding, batch: Sequence[Incoming], fresh_at: int = 0) -> Applied:
        """Apply records of this partition number, in order; `fresh_at` once everything before it is in.

        Raises FencedError when the partition is another worker's, and StoreDownError: nothing stands then, and the
        same batch may be given again.
        """
        fresh = [record for record in batch if record.offset >= mine.offsets.get(record.source, 0)]
        moved = mine.moved({record.source: record.offset + 1 for record in fresh}, fresh_at)

        def work(connection: Connection) -> Applied:
            fence(connection, moved)
            outgoing: list[Outgoing] = []
            counts: Counter[tuple[str, str]] = Counter()
            for part in _parts(fresh):
                memory = self._part(connection, moved.number, part)
                outgoing += memory.outbox
                counts += memory.counts
            return replace(_stored(connection, moved, outgoing), counts=counts)

        return self._database.write(work)

    def fire(self, mine: Holding, due: int, fire: Fire, at_most: int = 500, wants: Any = None) -> Applied:
        """Fire timers that are due at `due` (microseconds), oldest first, in one transaction.

        The caller has made sure that `mine.fresh_at` is no earlier: a stop that is queued is read before. `wants` names
        the rows that `fire` will look at, as a reducer's does, of a timer instead of a record.
        """

        def work(connection: Connection) -> Applied:
            fence(connection, mine)
            memory = Memory(mine.number, micros(self._clock.now()))
            is_due = (timer.c.partition == mine.number) & (timer.c.due_at <= due)
            timers = list(shapes.TIMERS.select(connection, is_due, timer.c.due_at, limit=at_most))
            _load(connection, [one for each in timers for one in (wants(memory, each) if wants else ())])
            for each in timers:
                memory.timers.drop(*shapes.TIMERS.key_of(each))
                fire(memory, each)
            self._save(connection, memory)
            return replace(_stored(connection, mine, memory.outbox), counts=memory.counts, fired=len(timers))

        return self._database.write(work)

    def _part(self, connection: Connection, number: int, part: Sequence[Incoming]) -> Memory:
        memory = Memory(number, micros(self._clock.now()))
        _load(connection, [one for record in part for each in self._reducers for one in each.wants(memory, record)])
        if _is_erasure(part[0]) and not self._facts.is_forgotten(memory, part[0]):
            assert part[0].value is not None  # an erasure is an event
            erase(connection, self._identities, memory, part[0].value["customer"], part[0].occurred_at)
            return memory
        for record in part:
            if record.lifts is not None:
                lift_unreadable(memory, record.lifts)
            if record.suppresses is not None:
                suppress_unreadable(memory, record.suppresses)
            if record.value is not None and not self._facts.is_forgotten(memory, record):
                for reducer in self._reducers:
                    reducer.take(memory, record)
        self._save(connection, memory)
        for substitute, customer_id in sorted(memory.adoptions):
            adopted = adopt(connection, memory, self._reducers, substitute, customer_id)
            self._save(connection, adopted)
            memory.counts += adopted.counts
        return memory

    def _save(self, connection: Connection, memory: Memory) -> None:
        for shelf in memory.shelves:
            shelf.shape.delete(connection, shelf.dropped)
            shelf.shape.save(connection, shelf.changed)
        oldest = memory.now - self._kept_us
        shapes.TIMELINE.save(connection, (one for one in memory.timeline.values() if one.occurred_at >= oldest))


def _stored(connection: Connection, mine: Holding, outgoing: Iterable[Outgoing]) -> Applied:
    numbered = tuple(replace(one, sequence=mine.sequence + index) for index, one in enumerate(outgoing))
    shapes.OUTBOX.save(connection, numbered)
    return Applied(replace(mine, sequence=mine.sequence + len(numbered)), numbered)


def _parts(batch: Sequence[Incoming]) -> Iterator[list[Incoming]]:
    """An erasure is a part of its own: what comes before is written first, what comes after meets the tombstone."""
    part: list[Incoming] = []
    for record in batch:
        if _is_erasure(record):
            yield from ([part] if part else [])
            yield [record]
            part = []
        else:
            part.append(record)
    yield from ([part] if part else [])


def _is_erasure(record: Incoming) -> bool:
    value = record.value
    return record.topic == PROFILE and bool(value and value["type"] == "ERASED" and value["customer"])


def _load(connection: Connection, wanted: Iterable[Wanted]) -> None:
    by_query: defaultdict[tuple[int, tuple[str, ...]], set[Key]] = defaultdict(set)
    shelves = {}
    for shelf, names, key in wanted:
        shelves[id(shelf)] = shelf
        by_query[id(shelf), names].add(key)
    for (number, names), keys in by_query.items():
        shelf = shelves[number]
        shelf.load(shelf.shape.where_in(connection, names, keys))
