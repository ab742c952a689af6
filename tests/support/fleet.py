"""A fleet that shares a vendor's limits, and a vendor that counts strictly: a simulation of hours in a second.

Requests take time, and the vendor counts each at any moment between its first byte and its answer. Partitions
move as Kafka moves them: everybody gives everything up, then everybody is told what is his.
"""

import random
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from workers.sinks.api import Limit, WindowKind
from workers.sinks.braze.told import FRESH_S
from workers.sinks.budget import Budget
from workers.sinks.limit import Count
from workers.sinks.periods import begin_of
from workers.sinks.purse import Purse
from workers.sinks.slices import Slice
from workers.sinks.wall import SKEW_S, TRUSTED_AFTER_S

START = datetime(2026, 3, 28, 20, tzinfo=UTC)  # the night after it, Berlin's clocks change
SETTLE_S = 1.0


class SimulatedClock:
    """A worker's clocks: its wall clock may be wrong, and may be set."""

    def __init__(self, world: "World", error_s: float) -> None:
        self._world, self.error_s = world, error_s
        self._wrong_since: float | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether it has been wrong for as long as a wrong clock may stay so."""
        return self._wrong_since is not None and self._world.now - self._wrong_since > TRUSTED_AFTER_S * 0.9

    def set(self, rng: random.Random) -> None:
        """Somebody sets it: wrong when it was right, right when it was wrong."""
        if self._wrong_since is None:
            self._wrong_since = self._world.now
            self.error_s += rng.choice((-1, 1)) * rng.choice((2.0, 60.0, 3600.0, 7200.0))
        else:
            self._wrong_since, self.error_s = None, rng.uniform(-SKEW_S, SKEW_S)

    def now(self) -> datetime:
        """What this worker takes for the time."""
        return self._world.wall + timedelta(seconds=self.error_s)

    def monotonic(self) -> float:
        """The same for all, which nobody makes use of."""
        return self._world.now


@dataclass
class Running:
    """A request on its way: when it left, when the vendor counts it, and when its answer is here."""

    left_at: float
    counted_at: float
    ends_at: float
    around: AbstractContextManager[Purse]


class Vendor:
    """Counts requests in its own windows, by its own clock."""

    def __init__(self) -> None:
        self.requests: list[Running] = []
        self.others: list[float] = []

    @property
    def arrivals(self) -> list[float]:
        """When ours were counted."""
        return [request.counted_at for request in self.requests]

    def most(self, limit: Limit) -> int:
        """The most requests of ours that any window of this limit has seen."""
        times = sorted(self.arrivals)
        if limit.kind is WindowKind.SLIDING:
            starts = range(len(times))
            return max((bisect_left(times, times[i] + limit.window_s) - i for i in starts), default=0)
        return max(self.windows(limit).values(), default=0)

    def most_at_once(self) -> int:
        """The most requests of ours that ran at the same moment."""
        steps = [(request.left_at, 1) for request in self.requests] + [(r.ends_at, -1) for r in self.requests]
        return max(accumulate(step for _, step in sorted(steps)), default=0)

    def windows(self, limit: Limit) -> dict[datetime, int]:
        """Requests, ours and others', by the window that counted them."""
        found: dict[datetime, int] = {}
        for at in (*self.arrivals, *self.others):
            begin = begin_of(limit, START + timedelta(seconds=at))
            found[begin] = found.get(begin, 0) + 1
        return found


@dataclass
class Simulated:
    """One worker."""

    budget: Budget
    clock: SimulatedClock
    numbers: set[int] = field(default_factory=set)
    running: list[Running] = field(default_factory=list)
    asked_at: float | None = None
    told: tuple[float, int] | None = None
    """When the last answer came, and how much of the window it said was used."""


class World:
    """Time, a vendor and a fleet."""

    def __init__(
        self, limits: Sequence[Limit], partitions: int, rng: random.Random, counted: Limit | None = None,
        slots: int | None = None, rest_s: float = 5.0, answers_tell: bool = False,
    ) -> None:  # fmt: skip
        """`answers_tell`: the vendor cannot be asked, but each answer says what it has counted, as Braze's do."""
        self.answers_tell = answers_tell
        self.limits, self.partitions, self.rng, self.counted = limits, partitions, rng, counted
        self.slots, self.rest_s = slots, rest_s
        self.now, self.vendor = 0.0, Vendor()
        self.fleet: list[Simulated] = []
        self.longest_s, self.per_step = 0.4, 10**6

    @property
    def wall(self) -> datetime:
        """The true time, which is the vendor's."""
        return START + timedelta(seconds=self.now)

    def start(self) -> Simulated:
        """A new process, with a clock that is a little wrong."""
        clock = SimulatedClock(self, self.rng.uniform(-SKEW_S, SKEW_S))
        requests = {limit: limit.requests for limit in self.limits if limit != self.counted}
        whole = Slice(requests, counted=self.counted, slots=self.slots)
        return Simulated(Budget(whole, clock, self.partitions, settle_s=SETTLE_S, slot_rest_s=self.rest_s), clock)

    def rebalance(self, members: int, restarted: int = 0) -> None:
        """So many members, so many of them new processes; who is not a member any more ends."""
        for worker in self.fleet:
            worker.budget.revoked()
            for request in worker.running:  # who is inside is waited for, or is counted soon
                request.counted_at = min(request.counted_at, self.now + self.rng.uniform(0, SETTLE_S))
        self.rng.shuffle(self.fleet)
        self.fleet = self.fleet[: max(0, members - restarted)]
        self.fleet += [self.start() for _ in range(members - len(self.fleet))]
        cuts = [round(index * self.partitions / members) for index in range(members + 1)]
        for worker, low, high in zip(self.fleet, cuts[:-1], cuts[1:], strict=True):
            numbers = set(range(low, high))
            worker.budget.assigned(numbers, numbers - worker.numbers)
            worker.numbers = numbers

    def step(self, seconds: float) -> None:
        """Let time pass; everybody sends what he may."""
        self.now += seconds
        for worker in self.fleet:
            self._end(worker)
            self._count(worker)
            for _ in range(self.per_step):
                if worker.budget.take(self.now) > 0:
                    break
                self._send(worker)

    def _send(self, worker: Simulated) -> None:
        if self.rng.random() < 0.02:
            worker.budget.give_back()
            return
        around = worker.budget.request()
        around.__enter__()
        ends_at = self.now + self.rng.uniform(0, self.longest_s)
        counted_at = self.rng.uniform(self.now, ends_at)
        request = Running(self.now, counted_at, ends_at, around)
        self.vendor.requests.append(request)
        worker.running.append(request)

    def _end(self, worker: Simulated) -> None:
        ended = [request for request in worker.running if request.ends_at <= self.now]
        for request in ended:
            worker.running.remove(request)
            request.around.__exit__(None, None, None)
        if ended and self.answers_tell:
            worker.told = (self.now, self._seen(max(request.counted_at for request in ended)))

    def _count(self, worker: Simulated) -> None:
        """The vendor is asked, and its answer is a step old when it comes."""
        if worker.asked_at is not None and self.counted is not None:
            count = self._remembered(worker) if self.answers_tell else Count(self._seen(worker.asked_at))
            worker.asked_at = None
            worker.budget.vendor_said(count if self.rng.random() < 0.9 else None)
        if worker.budget.wants_count(self.now):
            worker.asked_at = self.now

    def _seen(self, at: float) -> int:
        """What the vendor had counted then, in the window of that moment."""
        assert self.counted is not None
        since = (begin_of(self.counted, START + timedelta(seconds=at)) - START).total_seconds()
        return sum(since <= one <= at for one in (*self.vendor.arrivals, *self.vendor.others))

    def _remembered(self, worker: Simulated) -> Count | None:
        """The last answer's word, while its window runs and for two minutes."""
        if worker.told is None or self.counted is None:
            return None
        at, used = worker.told
        is_over = begin_of(self.counted, START + timedelta(seconds=at)) != begin_of(self.counted, self.wall)
        return None if is_over or self.now - at >= FRESH_S else Count(used)
