"""The journey worker: read, write letters, apply behind the fence, publish what follows, tell how fresh the store is.

One thread, the consumer's, does it all: a partition number of every topic is one lot, its records are applied in the
order in which they were read, and a trouble of one lot does not stop the others.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from common.clock import Clock
from common.errors import (
    ConfigurationError,
    FencedError,
    ReaderTooOldError,
    RegistryDownError,
    StoreDownError,
)
from common.event import Commit, OutRecord, PartitionId
from common.kafka.consumer import CommitError
from common.kafka.transactions import AbortedError
from common.reasons import Cause
from common.store.outbox import pending, published
from common.store.retention import prune
from common.store.times import DAY_US, micros
from workers.journeys.asking import Asking
from workers.journeys.config import JourneysSettings
from workers.journeys.gauges import Gauges
from workers.journeys.incoming import Incoming
from workers.journeys.lot import Lot
from workers.journeys.parts import Parts, Status

log = logging.getLogger(__name__)

_BUSY_POLL_S, _IDLE_POLL_S = 0.01, 0.2
_PRUNE_EVERY_S = 3600.0
_WAITS = (StoreDownError, ReaderTooOldError, RegistryDownError, AbortedError)


class JourneyWorker:
    """One member of the journeys' consumer group."""

    def __init__(
        self, topics: Collection[str], prefix: str, parts: Parts, settings: JourneysSettings, timeline_days: int,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._topics, self._prefix, self._parts, self._settings = topics, prefix, parts, settings
        self._kept_us, self._clock = timeline_days * DAY_US, clock
        self._assigned: set[PartitionId] = set()
        self._lots: dict[int, Lot] = {}
        self._must_claim = False
        self._claim_at = 0.0
        self._asking = Asking(parts.ends, prefix, settings.fresh_every_s, clock)
        self._gauges = Gauges(parts.meter, prefix, clock)
        self.status = Status()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`, then publish what is due and leave. Raises what nobody decided about."""
        consumer = self._parts.consumer
        try:
            consumer.subscribe([self._prefix + name for name in self._topics], self)
            while not stop.is_set():
                self.turn()
            for lot in self._lots.values():
                self._guarded(lot, partial(self._publish, lot))
        finally:
            consumer.close()
            self._parts.transactions.close()

    def assigned(self, partitions: Collection[PartitionId]) -> None:
        """Read nothing yet: the store says from where, and it may be away."""
        self._assigned = set(partitions)
        self._must_claim, self._claim_at = True, 0.0
        self._parts.meter.path.rebalanced()
        self._parts.consumer.assign({})

    def revoked(self, partitions: Collection[PartitionId]) -> None:
        """What is applied stands; the next owner's claim fences the rest."""
        self.lost(partitions)

    def lost(self, partitions: Collection[PartitionId]) -> None:
        """The store's fence keeps out what would come too late. (The range assignor takes back all or nothing.)"""
        self._assigned -= set(partitions)
        self._lots, self._must_claim = {}, bool(self._assigned)
        self._parts.meter.path.rebalanced()
        self._parts.consumer.unassign()

    def committed(self, confirmed: Mapping[PartitionId, Commit], failure: CommitError | None) -> None:
        """Offsets are in the store; the group's are not used."""

    def partition_failed(self, partition: PartitionId, message: str) -> None:
        """Events were deleted before the store had them: a person decides."""
        raise ConfigurationError(
            f"{partition} cannot be read from where the store stands ({message}): its events were deleted unread. "
            "Restore a newer backup of the store, or begin with an empty one and journeys.start_from"
        )

    def ended(self, partition: PartitionId, offset: int) -> None:
        """The client has read everything before this offset."""
        if lot := self._lots.get(partition.partition):
            lot.freshness.ended(self._name(partition), offset)

    def turn(self) -> None:
        """One round: take over what was assigned, read, apply, publish, fire; `run` makes one after the other."""
        self._claim_due()
        is_idle = not self._parts.firing.has_work and all(not lot.unapplied for lot in self._lots.values())
        for record in self._parts.consumer.read(
            self._settings.batch_records, _IDLE_POLL_S if is_idle else _BUSY_POLL_S
        ):
            if lot := self._lots.get(record.partition):
                lot.unapplied.append(record)
        now = self._clock.monotonic()
        self._asking.turn(self._lots, self._assigned, self._parts.firing.unfresh(self._lots), now)
        for number, lot in list(self._lots.items()):
            if now >= lot.retry_at and not self._guarded(lot, partial(self._work, lot, now)):
                self._taken(number)
        for number in self._parts.firing.turn(self._lots, self._guarded):
            self._taken(number)
        self._report(now)

    def _taken(self, number: int) -> None:
        """Another worker has raised the epoch. While the number is assigned to us, that was one who was late.

        It had stood still since it lost the number, and learns of that when it polls next: we take over once more, a
        little later, for nobody else will.
        """
        self._lots.pop(number, None)
        self._must_claim, self._claim_at = True, self._clock.monotonic() + self._settings.retry_s

    def _claim_due(self) -> None:
        """Take over the assigned partition numbers; while the store is away, again and again."""
        if not self._must_claim or self._clock.monotonic() < self._claim_at:
            return
        try:
            self._lots = {number: self._claimed(number) for number in sorted({p.partition for p in self._assigned})}
            starts = self._starts()
        except (StoreDownError, CommitError) as error:
            log.warning("the partitions cannot be taken over yet: %s", error)
            self._lots, self._claim_at = {}, self._clock.monotonic() + self._settings.retry_s
            return
        self._must_claim = False
        self._parts.consumer.assign(starts)
        for partition in starts:
            self._parts.consumer.resume(partition)  # the client may remember a pause of before

    def _claimed(self, number: int) -> Lot:
        holding = self._parts.applier.claim(number)
        with self._parts.database.reading() as connection:
            return Lot(holding, pending(connection, number), micros(self._clock.now()))

    def _starts(self) -> dict[PartitionId, int]:
        """Where the store stands; a topic that it never read begins where the setting says."""
        stored = {one: self._lots[one.partition].holding.offsets.get(self._name(one)) for one in self._assigned}
        unread = [one for one, offset in stored.items() if offset is None]
        begin = self._parts.consumer.resolve(unread, self._settings.start_from)
        return {one: begin[one] if offset is None else offset for one, offset in stored.items()}

    def _work(self, lot: Lot, now: float) -> None:
        if lot.unapplied:
            self._apply(lot)
        if not lot.unapplied and (fresh_at := lot.freshness.reached(lot.holding.offsets)):
            lot.holding = lot.holding.moved(lot.freshness.positions)  # past gaps: what was read is applied
            self._store(lot, [], fresh_at)
        if lot.outgoing:
            self._publish(lot)
        if now - lot.pruned_at >= _PRUNE_EVERY_S:
            oldest = micros(self._clock.now()) - self._kept_us
            while self._parts.database.write(partial(prune, mine=lot.holding, oldest=oldest)):
                pass
            lot.pruned_at = now

    def _apply(self, lot: Lot) -> None:
        """Letters first: an offset moves only when its evidence is durable."""
        now, batch = self._clock.now(), list(lot.unapplied)[: self._settings.batch_records]
        read = [self._parts.reading.read(record, now) for record in batch]
        letters = [one.letter for one in read if one.letter is not None]
        if letters:
            self._parts.transactions.commit(letters)
        self._store(lot, [one.record for one in read])
        for _ in batch:
            lot.read_ms = lot.unapplied.popleft().timestamp_ms
        for topic, count in Counter(record.topic for record in batch).items():
            self._parts.meter.path.consumed(topic, count)
        for one in read:
            if one.reason is not None:
                self._parts.meter.lettered(one.reason)

    def _store(self, lot: Lot, records: Sequence[Incoming], fresh_at: int = 0) -> None:
        began = self._clock.monotonic()
        applied = self._parts.applier.apply(lot.holding, records, fresh_at)
        lot.holding = applied.holding
        lot.outgoing.extend(applied.outgoing)
        self._parts.meter.counted(applied.counts)
        self._parts.meter.path.committed(self._clock.monotonic() - began)

    def _publish(self, lot: Lot) -> None:
        if not lot.outgoing:
            return
        records: Sequence[OutRecord] = self._parts.outbox.records(lot.outgoing)
        self._parts.transactions.commit(records)
        self._parts.database.write(partial(published, mine=lot.holding, up_to=lot.outgoing[-1].sequence))
        lot.outgoing = []

    def _guarded(self, lot: Lot, work: Callable[[], None]) -> bool:
        """Whether the lot is still ours; a trouble pauses it and is tried again."""
        try:
            work()
        except FencedError as error:
            log.warning("%s", error)
            return False
        except _WAITS as error:
            if str(error) != lot.trouble:
                log.warning("partition %s waits: %s", lot.holding.number, error)
            lot.trouble, lot.cause = str(error), _cause(error)
            lot.retry_at = self._clock.monotonic() + self._settings.retry_s
            self._pause(lot, True)
        else:
            lot.trouble = ""
            self._pause(lot, False)
        return True

    def _pause(self, lot: Lot, is_paused: bool) -> None:
        if lot.is_paused == is_paused:
            return
        act = self._parts.consumer.pause if is_paused else self._parts.consumer.resume
        for partition in self._assigned:
            if partition.partition == lot.holding.number:
                act(partition)
        lot.is_paused = is_paused

    def _report(self, now: float) -> None:
        holds = tuple((number, lot.cause, lot.trouble) for number, lot in self._lots.items() if lot.trouble)
        is_ready = bool(self._assigned) and not self._must_claim and bool(self._lots)
        self.status = Status(is_ready, holds, now)
        self._gauges.show(self._lots, now)

    def _name(self, partition: PartitionId) -> str:
        return partition.topic.removeprefix(self._prefix)


def _cause(error: Exception) -> str:
    match error:
        case ReaderTooOldError():
            return Cause.READER_TOO_OLD
        case RegistryDownError():
            return Cause.REGISTRY_DOWN
        case AbortedError():
            return Cause.DEAD_LETTERS_AWAY
        case _:
            return Cause.STORE_DOWN
