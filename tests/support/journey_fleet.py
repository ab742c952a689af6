"""Journey workers over a log in memory: real workers and a real store, whose broker, group and clock a test moves."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import func, select

from common.codec import Decoder, Encoder, LocalSchemas
from common.event import OutRecord, PartitionId, Position
from common.kafka.consumer import GroupConsumer, GroupListener
from common.kafka.transactions import AbortedError, TransactionalProducer
from common.meters import JourneyMeter
from common.metrics import Metrics
from common.partitioner import partition_of
from common.store import tables
from common.store.database import Database
from common.store.times import micros
from tests.support.clock import ManualClock
from tests.support.store import applier
from workers.journeys.config import JourneysSettings
from workers.journeys.firing import Firing
from workers.journeys.interpreter import Journeys
from workers.journeys.outbox import Outbox
from workers.journeys.parts import Parts
from workers.journeys.reading import DEAD, Reading, read_topics
from workers.journeys.worker import JourneyWorker
from workers.sinks.letters import Letters

PARTITIONS = 2


class DiesError(BaseException):
    """Stands for a process that ends in the middle."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record as the log holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_ms: int = 0

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.topic, self.partition, self.offset)


@dataclass(slots=True)
class MemoryKafka:
    """The logs of all partitions."""

    clock: ManualClock
    logs: defaultdict[PartitionId, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def append(self, topic: str, key: bytes, value: bytes | None, partition: int | None = None) -> None:
        """One more record."""
        number = partition_of(key, PARTITIONS) if partition is None else partition
        log = self.logs[PartitionId(topic, number)]
        log.append(Row(topic, number, len(log), key, value, (), micros(self.clock.now()) // 1000))

    def ask(self, partitions: Iterable[PartitionId]) -> Mapping[PartitionId, int]:
        """Where they end."""
        return {one: len(self.logs[one]) for one in partitions}


class MemoryConsumer:
    """A member's client: reads where it was told to, a few records of one partition after the other."""

    def __init__(self, kafka: MemoryKafka, pick: Callable[[int], int]) -> None:
        self._kafka, self._pick = kafka, pick
        self._at: dict[PartitionId, int] = {}
        self._taken: set[PartitionId] = set()
        self.ended: Callable[[PartitionId, int], None] = lambda partition, offset: None
        self.lost: Callable[[Collection[PartitionId]], None] = lambda partitions: None

    def subscribe(self, topics: Collection[str], listener: GroupListener) -> None:
        """Nothing is assigned before the test says so."""

    def assign(self, starts: Mapping[PartitionId, int]) -> None:
        """Read from here."""
        self._at = dict(starts)

    def unassign(self) -> None:
        """Read nothing."""
        self._at = {}

    def resolve(self, partitions: Collection[PartitionId], start: str) -> dict[PartitionId, int]:
        """Everything begins at the beginning."""
        return dict.fromkeys(partitions, 0)

    def pause(self, partition: PartitionId) -> None:
        """What was read already is the worker's own."""

    def resume(self, partition: PartitionId) -> None:
        """Nothing was held back."""

    def close(self) -> None:
        """Nobody is told."""

    def take_away(self, partitions: Collection[PartitionId]) -> None:
        """They are somebody else's; one of the next polls says so."""
        self._taken.update(partitions)

    def read(self, at_most: int, timeout_s: float) -> Sequence[Row]:
        """Up to two records of one partition that has some; the others' ends are told."""
        if self._taken and not self._pick(4):
            taken, self._taken = self._taken, set()
            self.lost(taken)
        waiting = [one for one, at in sorted(self._at.items()) if at < len(self._kafka.logs[one])]
        for one in self._at.keys() - set(waiting):
            self.ended(one, self._at[one])
        if not waiting:
            return ()
        chosen = waiting[self._pick(len(waiting))]
        rows = self._kafka.logs[chosen][self._at[chosen] : self._at[chosen] + 2]
        self._at[chosen] += len(rows)
        return rows


class MemoryTransactions:
    """Writes all or none; fails, or dies before or after it, when told to."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka, self.fault = kafka, ""

    def commit(self, records: Sequence[OutRecord]) -> None:
        """One transaction."""
        fault, self.fault = self.fault, ""
        if fault == "abort":
            raise AbortedError("the broker says no")
        if fault == "die before":
            raise DiesError
        for one in records:
            self._kafka.append(one.topic, one.key or b"", one.value, one.partition)
        if fault == "die after":
            raise DiesError


@dataclass(slots=True)
class Member:
    """One worker, and the doubles that it works with."""

    worker: JourneyWorker
    consumer: MemoryConsumer
    transactions: MemoryTransactions


class Fleet:
    """Members come, go, and do not notice that they are gone; `pick` chooses among so many."""

    def __init__(self, database: Database, journeys: Journeys, pick: Callable[[int], int]) -> None:
        self.clock = ManualClock()
        self.kafka = MemoryKafka(self.clock)
        self._database, self._journeys, self._pick = database, journeys, pick
        self._watching = sqlite3.connect(str(database.engine.url.database))
        self.owners: dict[int, Member] = {}
        self.zombies: list[Member] = []

    def member(self) -> Member:
        """A new process."""
        consumer, transactions = MemoryConsumer(self.kafka, self._pick), MemoryTransactions(self.kafka)
        work = applier(self._database, self.clock, self._journeys)
        meter, schemas = JourneyMeter(Metrics("1")), LocalSchemas()
        parts = Parts(
            cast(GroupConsumer, consumer),
            cast(TransactionalProducer, transactions),
            self.kafka,
            self._database,
            work,
            Reading(Decoder(schemas), Letters(DEAD, "journeys", "main", "w"), "commfleet.journeys", ""),
            Outbox(Encoder(schemas), ""),
            Firing(self._database, work, self._journeys, meter, self.clock, 1000),
            meter,
        )
        worker = JourneyWorker(read_topics(), "", parts, JourneysSettings(), 730, self.clock)
        consumer.ended, consumer.lost = worker.ended, worker.lost
        return Member(worker, consumer, transactions)

    def move(self, numbers: Collection[int], *, is_told: bool) -> None:
        """A new member has these numbers; the former owners are told, or go on until one of their polls says so."""
        former = [self.owners.pop(number) for number in numbers if number in self.owners]
        for one in former:
            if is_told:
                one.worker.revoked(partitions_of(numbers))
                continue
            one.consumer.take_away(partitions_of(numbers))
            if one not in self.zombies:
                self.zombies.append(one)
        heir = self.member()
        heir.worker.assigned(partitions_of(numbers))
        self.owners |= dict.fromkeys(numbers, heir)

    def turn(self, member: Member) -> None:
        """One turn of a member; one who dies in it is replaced.

        Who has lost everything changes no row. (Who has lost it before it took over does take over, late, and is
        itself fenced by the owner, who takes over once more.)
        """
        before = self._version() if self._is_over(member) else None
        try:
            member.worker.turn()
        except DiesError:
            mine = [number for number, owner in self.owners.items() if owner is member]
            self.zombies = [one for one in self.zombies if one is not member]
            if mine:
                self.owners = {number: owner for number, owner in self.owners.items() if owner is not member}
                self.move(mine, is_told=True)
        if before is not None:
            assert self._version() == before, "a worker that lost its partitions has written"

    def _is_over(self, member: Member) -> bool:
        """Whether it had taken over, and others have taken over all of that."""
        owners = self.owners.values()
        if not member.worker.status.is_ready:
            return False
        return all(one is not member and one.worker.status.is_ready for one in owners)

    def _version(self) -> int:
        """SQLite's own count of what others have committed, as one connection sees it."""
        return int(self._watching.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Let the store go."""
        self._watching.close()

    def is_settled(self, since: int) -> bool:
        """Whether everything appended before `since` is applied, what was due by then fired, and Kafka has it."""
        at, outbox, timer = tables.partition, tables.outbox, tables.timer
        with self._database.reading() as connection:
            fresh = connection.execute(select(func.count()).where(at.c.fresh_at >= since)).scalar_one()
            waiting = connection.execute(select(func.count()).select_from(outbox)).scalar_one()
            due = connection.execute(select(func.count()).where(timer.c.due_at <= since)).scalar_one()
        return fresh == PARTITIONS and not waiting and not due

    def settle(self, act: Callable[[], None]) -> None:
        """Until everything of now is done; `act` may do anything to the fleet between two turns, for a while."""
        since = micros(self.clock.now())
        for number in range(2000):
            for member in {id(one): one for one in (*self.owners.values(), *self.zombies)}.values():
                self.turn(member)
            if number < 10:
                act()
            elif self.is_settled(since):
                return
            self.clock.advance(0.02)
        raise AssertionError("the fleet does not come to rest")

    def decoded(self, topic: str) -> list[dict[str, Any]]:
        """Every event of a topic, in the order of its partitions."""
        decoder = Decoder(LocalSchemas())
        rows = (row for one, log in sorted(self.kafka.logs.items()) if one.topic == topic for row in log)
        return [decoder.decode(topic, row.value) for row in rows if row.value is not None]


def partitions_of(numbers: Collection[int]) -> list[PartitionId]:
    """These numbers of every topic that is read."""
    return [PartitionId(topic, number) for topic in read_topics() for number in numbers]
