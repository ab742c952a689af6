"""The budget: one worker's leave to make requests, so that the fleet together keeps a vendor's limits.

There is no other infrastructure: what a worker may do follows from the partitions it owns, its own count, and,
for long quotas, the vendor's (quotas.py). A request is paid for by `take` before it is made and counts until it
ended and its windows are over; further requests of the same delivery, look-ups and polls pay by a purse.

The runner's thread assigns, takes and asks; delivery threads spend and end. Everything is under one lock.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from common.clock import Clock
from common.errors import BudgetGoneError, GateClosedError
from workers.sinks.api import Limit
from workers.sinks.quotas import SHORT_S, SOON_S, Moment, OwnCount, Quota, VendorCount
from workers.sinks.shares import part_of, split_whole
from workers.sinks.wall import WallWatch

__all__ = ["Budget", "BudgetMeter", "Purse", "group_limits"]


class BudgetMeter(Protocol):
    """What a budget tells about itself."""

    def waited(self, seconds: float) -> None:
        """A request that was refused at first was taken, so much later."""
        ...


class _Unmetered:
    def waited(self, seconds: float) -> None:
        """Nobody wants to know."""


def group_limits(limits: Sequence[Limit], split: dict[str, float], group: str) -> tuple[dict[Limit, int], float]:
    """A group's whole part of each limit, and its weight in quotas that the vendor counts.

    Raises ConfigurationError where a limit is too small to give every group one request.
    """
    return {limit: split_whole(limit.requests, split)[group] for limit in limits}, split[group] / sum(split.values())


class Budget:
    """One group's runner's share of what a vendor allows."""

    def __init__(
        self, requests: dict[Limit, int], weight: float, clock: Clock, partitions: int, *,
        counted: Limit | None = None, settle_s: float = 1.0, may_spend: Callable[[], bool] = lambda: True,
        meter: BudgetMeter | None = None,
    ) -> None:  # fmt: skip
        """`requests` and `weight` are the group's, see `group_limits`; `partitions` is the count of each topic.

        `counted` is the limit that the vendor counts and tells: then nothing is taken of it before it was read.
        `settle_s` is how long after a change of owners a request of the former one may still reach the vendor.
        `may_spend` says whether this worker is for certain a member of its group.
        """
        self._clock, self._partitions, self._settle_s, self._may_spend = clock, partitions, settle_s, may_spend
        self._meter = meter or _Unmetered()
        self._wall = WallWatch(clock)
        self._counted = VendorCount(counted, weight, partitions) if counted and counted.window_s > SHORT_S else None
        told = counted if self._counted else None
        own = [OwnCount(limit, part, partitions) for limit, part in requests.items() if limit != told]
        self._quotas: list[Quota] = [*own, *([self._counted] if self._counted else [])]
        self._changed = threading.Condition()
        self._numbers: frozenset[int] = frozenset()
        self._rests: dict[int, float] = {}
        self._is_suspended = True
        self._out = 0
        self._refused_at: float | None = None

    # -- the runner's thread ------------------------------------------------------------------

    def assigned(self, numbers: Collection[int], gained: Collection[int]) -> None:
        """These partition numbers are ours now; the gained ones may have been used by somebody until now."""
        with self._changed:
            at = self._clock.monotonic() + self._settle_s
            for quota in self._quotas:
                quota.assigned(numbers, gained, at)
            self._rests = {number: rest for number, rest in self._rests.items() if number in numbers}
            self._rests.update(dict.fromkeys(gained, at))
            self._numbers, self._is_suspended = frozenset(numbers), not numbers
            self._changed.notify_all()

    def revoked(self) -> None:
        """Nothing may be taken until we are told what is ours."""
        with self._changed:
            self._is_suspended = True
            self._changed.notify_all()

    def take(self, now: float) -> float:
        """Pay for one request: 0 when it may be made, else the seconds after which to ask again.

        What was taken is ended by `request`, or, when it never leaves, by `give_back`.
        """
        with self._changed:
            return self._take(now)

    def give_back(self) -> None:
        """One that was taken was certainly not sent."""
        self._end(landed=0, unsent=1)

    def wants_count(self, now: float) -> bool:
        """Whether to ask the vendor for its own count now; tell `vendor_said` what came of it, whatever it is."""
        with self._changed:
            return self._counted is not None and not self._is_suspended and self._counted.ask(self._out, self._at(now))

    def vendor_said(self, used: int | None = None, remaining: int | None = None) -> None:
        """What the vendor has counted in its current window, or what it still allows; neither: it cannot tell."""
        with self._changed:
            if self._counted is not None:
                self._counted.said(used, remaining, self._at(self._clock.monotonic()))
                self._changed.notify_all()

    def slots(self, group_slots: int) -> int:
        """How many requests this worker may have running, of so many that its group may in the fleet."""
        with self._changed:
            now = self._clock.monotonic()
            rested = [number for number in self._numbers if self._rests.get(number, now) <= now]
            return 0 if self._is_suspended else part_of(group_slots, self._partitions, rested)

    def left(self, now: float) -> int | None:
        """How many requests may be taken now; None without any limit."""
        with self._changed:
            if not self._quotas:
                return None
            moment = self._at(now)
            return 0 if self._is_suspended else max(0, min(quota.left(self._out, moment) for quota in self._quotas))

    # -- delivery threads ---------------------------------------------------------------------

    @contextmanager
    def request(self) -> Iterator["Purse"]:
        """Around the one request that `take` paid for, and further ones by the purse: ended, they begin to age.

        GateClosedError passes through: that request was not sent.
        """
        purse, unsent = Purse(self), 0
        try:
            yield purse
        except GateClosedError:
            unsent = 1
            raise
        finally:
            self._end(landed=purse.spent + 1 - unsent, unsent=unsent)

    @contextmanager
    def purse(self) -> Iterator["Purse"]:
        """Around requests that nothing was taken for: look-ups, probes, polls. Each is spent from the purse."""
        purse = Purse(self)
        try:
            yield purse
        finally:
            self._end(landed=purse.spent, unsent=0)

    def spend(self, bound_s: float) -> None:
        """Take one for a further request, waiting at most so long. Raises BudgetGoneError. Use a purse."""
        deadline = self._clock.monotonic() + bound_s
        with self._changed:
            while (wait_s := self._take_if_member()) > 0:
                left_s = deadline - self._clock.monotonic()
                if wait_s > left_s:
                    raise BudgetGoneError(
                        f"the vendor's budget allows the next request in {wait_s:.1f} s, longer than it may wait "
                        f"({max(0.0, left_s):.1f} s): nothing more was sent"
                    )
                self._changed.wait(wait_s)

    # -- pieces -------------------------------------------------------------------------------

    def _take_if_member(self) -> float:
        return self._take(self._clock.monotonic()) if self._may_spend() else SOON_S

    def _take(self, now: float) -> float:
        if self._is_suspended:
            return SOON_S
        moment = self._at(now)
        # every quota that refuses is asked for its wait: the one that the vendor counts learns that it is wanted
        waits = [quota.wait_s(self._out, moment) for quota in self._quotas if quota.left(self._out, moment) < 1]
        if waits:
            self._refused_at = now if self._refused_at is None else self._refused_at
            return max(waits)
        for quota in self._quotas:
            quota.taken()
        self._out += 1
        if self._refused_at is not None:
            self._meter.waited(now - self._refused_at)
            self._refused_at = None
        return 0.0

    def _end(self, landed: int, unsent: int) -> None:
        with self._changed:
            now = self._clock.monotonic()
            self._out -= landed + unsent
            for quota in self._quotas:
                if landed:
                    quota.landed(landed, now)
                if unsent:
                    quota.given_back(unsent)
            self._changed.notify_all()

    def _at(self, now: float) -> Moment:
        wall, doubt_s = self._wall.read()
        return Moment(now, wall, doubt_s)


class Purse:
    """Pays for the further requests of one delivery; used in its thread only."""

    __slots__ = ("_budget", "spent")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.spent = 0

    def spend(self, bound_s: float = 5.0) -> None:
        """Leave for one more request, waiting at most so long. Raises BudgetGoneError."""
        self._budget.spend(bound_s)
        self.spent += 1
