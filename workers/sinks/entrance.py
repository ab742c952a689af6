"""The entrance: what was read becomes deliveries in their lanes, in the order of each topic's partition.

A record of which only the customer's profile tells who wants it waits here for the customer store, and what stands
behind it in its partition waits with it, so that a key keeps its order. What a former owner had settled or named of a
record that waits is carried on: a choice that it made is not made another way.
"""

import logging
from collections import deque
from collections.abc import Collection, Sequence
from typing import Protocol

from common.event import PartitionId
from common.reasons import Reason
from workers.sinks.copies import Copies
from workers.sinks.delivery import Copy, Delivery, Doubt, RecordLike
from workers.sinks.headers import FOLLOWER, NO_FLOW, Origin
from workers.sinks.planner import Late, Plan, Planner, Unusable
from workers.sinks.progress import Mark
from workers.sinks.undecided import Undecided
from workers.sinks.window import Window

log = logging.getLogger(__name__)


class Admitted(Protocol):
    """Who takes what was read and is no head of a lane (workers/sinks/ledger.py)."""

    def doom_record(self, record: RecordLike, unusable: Unusable, window: Window) -> None: ...
    def park(self, deliveries: Sequence[Delivery], state: str) -> None: ...


class Profiles(Protocol):
    """Who looks up the customers of records (workers/sinks/memory.py)."""

    def await_profile(self, record: Undecided) -> None: ...


class _Waiting:
    """One record in the queue of its window: a plan, or what is still undecided; and what was begun of it before."""

    __slots__ = ("named", "plan", "record", "settled", "size")

    def __init__(
        self, record: RecordLike, plan: Plan | Undecided, settled: Collection[int], named: Collection[int]
    ) -> None:
        self.record, self.plan, self.settled, self.named = record, plan, settled, named
        self.size = len(record.value or b"")


class Entrance:
    """Lets the deliveries of one runner in."""

    def __init__(self, planner: Planner, copies: Copies, takes: Admitted, profiles: Profiles, group: str) -> None:
        self._planner, self._copies, self._takes = planner, copies, takes
        self._profiles, self._group = profiles, group
        self._queues: dict[PartitionId, tuple[Window, deque[_Waiting]]] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether records wait for the customer store."""
        return bool(self._queues)

    def admit(self, record: RecordLike, window: Window, plan: Plan | Late) -> Sequence[Delivery]:
        """Take in what was read; the deliveries that are heads of their lanes."""
        if isinstance(plan, Late) or (self._queues and plan and window.id in self._queues):
            self._keep(record, window, plan)
            return ()
        self._came_back(record, window)
        if isinstance(plan, Unusable):
            window.progress.track(record.offset, 1)
            window.size += len(record.value or b"")
            self._takes.doom_record(record, plan, window)
            return ()
        self._copies.read(record, plan)
        return self._enter(record, window, self._unsettled(record, window, plan))

    def decided(self) -> Sequence[Delivery]:
        """The heads among what waited and can be told now."""
        heads: list[Delivery] = []
        for id_, (window, queue) in list(self._queues.items()):
            while queue and (plan := self._plan(queue[0], window)) is not None:
                heads += self._release(queue.popleft(), window, plan)
            if not queue:
                del self._queues[id_]
        return heads

    def forget(self) -> None:
        """Drop what stands on partitions that are not ours."""
        self._queues = {id_: entry for id_, entry in self._queues.items() if entry[0].partition.is_ours}

    # -- pieces -------------------------------------------------------------------------------

    def _keep(self, record: RecordLike, window: Window, plan: Plan | Late) -> None:
        progress, offset = window.progress, record.offset
        inherited = progress.inherited
        settled = [mark.flow for mark in inherited.settled if mark.offset == offset]
        named = progress.named(offset)
        progress.track(offset, 1, settled)
        for flow in named:
            progress.intend(Mark(offset, flow))
        window.size += len(record.value or b"")
        waits = Undecided(record, window, plan) if isinstance(plan, Late) else plan
        self._queues.setdefault(window.id, (window, deque()))[1].append(_Waiting(record, waits, settled, named))
        if isinstance(waits, Undecided):
            self._profiles.await_profile(waits)

    def _plan(self, one: _Waiting, window: Window) -> Plan | None:
        """None while nobody can tell."""
        if not isinstance(one.plan, Undecided):
            return one.plan
        if one.plan.told is None:
            return None
        try:
            taken = {*one.settled, *one.named}
            return self._planner.decide(one.plan.late, one.plan.told.profile, taken, one.record, window)
        except Exception:
            log.exception("a bug while planning %s: it becomes a dead letter", one.record.position)
            origin = Origin.of_record(self._group, NO_FLOW, one.record.position, one.record.timestamp_ms)
            return Unusable(origin, Reason.BUG, "our own code failed while reading this record: see the worker's log")

    def _release(self, one: _Waiting, window: Window, plan: Plan) -> Sequence[Delivery]:
        """A record that waited: its deliveries, less what was settled before."""
        progress, offset = window.progress, one.record.offset
        self._came_back(one.record, window)
        if isinstance(plan, Unusable):
            for flow in one.named:
                progress.withdraw(Mark(offset, flow))
            self._takes.doom_record(one.record, plan, window)
            return ()
        window.size -= one.size
        window.is_dirty = True
        self._copies.read(one.record, plan)
        left = [delivery for delivery in plan if delivery.flow_hash not in one.settled]
        for delivery in left:
            if delivery.flow_hash in one.named:
                delivery.doubt = Doubt.INHERITED
        orphans = self._orphans(one.record, window, plan, one.named)
        progress.recount(offset, len(orphans) + len(left))
        return self._enter(one.record, window, [*orphans, *left])

    def _came_back(self, record: RecordLike, window: Window) -> None:
        if record.topic == self._planner.retry_topic:
            window.partition.came_back(self._planner.lane_of(record))

    def _enter(self, record: RecordLike, window: Window, deliveries: Collection[Delivery]) -> Sequence[Delivery]:
        """Into their lanes, of which they may be heads; onto the retry topic where their key is parked."""
        heads = []
        partition = window.partition
        is_retry = record.topic == self._planner.retry_topic
        for delivery in deliveries:
            window.size += delivery.size
            is_parked = partition.parked and not is_retry and delivery.lane in partition.parked
            if is_parked and delivery.copy is not Copy.YES:
                self._takes.park([delivery], FOLLOWER)
            elif partition.lanes.add(delivery.lane, delivery):
                heads.append(delivery)
        return heads

    def _unsettled(self, record: RecordLike, window: Window, plan: Sequence[Delivery]) -> Sequence[Delivery]:
        """What of a record is left to do: a former owner may have settled some, or named them."""
        progress = window.progress
        inherited = progress.inherited
        if not (inherited.settled or inherited.intents):
            progress.track(record.offset, len(plan))
            return plan
        settled = [delivery.flow_hash for delivery in plan if delivery.mark in inherited.settled]
        left = [delivery for delivery in plan if delivery.mark not in inherited.settled]
        orphans = self._orphans(record, window, plan, progress.named(record.offset))
        progress.track(record.offset, len(orphans) + len(left), settled)
        for delivery in left:
            if delivery.mark in inherited.intents:
                delivery.doubt = Doubt.INHERITED
                progress.intend(delivery.mark)
        for orphan in orphans:
            progress.intend(orphan.mark)
        return [*orphans, *left]

    def _orphans(
        self, record: RecordLike, window: Window, plan: Sequence[Delivery], named: Collection[int]
    ) -> Sequence[Delivery]:
        """What a former owner named, and is not planned here: its flow is gone, or acts on other events now."""
        gone = set(named).difference(delivery.flow_hash for delivery in plan) if named else None
        return self._planner.orphans(record, window, gone) if gone else ()
