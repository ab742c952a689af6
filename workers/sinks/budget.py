"""The budget: one worker's leave to make requests, so that the fleet together keeps a vendor's limits.

There is no other infrastructure: what a worker may do follows from the partitions it owns, its own count, and,
for long quotas, the vendor's (quotas.py). A request is paid for by `take` before it is made and counts until it
ended and its windows are over; further requests of the same delivery, look-ups and polls pay by a purse.

The runner's thread assigns, takes and asks; delivery threads spend and end. Everything is under one lock.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from common.clock import Clock
from common.errors import BudgetGoneError, GateClosedError
from common.reasons import Cause
from workers.sinks.limit import Count
from workers.sinks.purse import Purse
from workers.sinks.quotas import SOON_S, Moment, OwnCount, Quota, VendorCount
from workers.sinks.routes import RouteHold
from workers.sinks.slices import Slice
from workers.sinks.slots import Slots
from workers.sinks.wall import WallWatch

log = logging.getLogger(__name__)

SETTLE_S = 1.0
"""How long after a change of owners a request of the former one may still reach the vendor."""

SLOT_REST_S = 20.0
"""How long one may still run there: what outlives it is rare, and the vendor refuses the one too many."""


class BudgetMeter(Protocol):
    """What a budget tells about itself."""

    def budget_waited(self, seconds: float) -> None:
        """A request that was refused at first was taken, so much later."""
        ...


class _Unmetered:
    def budget_waited(self, seconds: float) -> None:
        """Nobody wants to know."""


class Budget:
    """One group's runner's share of what a vendor allows."""

    def __init__(
        self, slice_: Slice, clock: Clock, partitions: int, *, settle_s: float = SETTLE_S,
        slot_rest_s: float = SLOT_REST_S, meter: BudgetMeter | None = None,
    ) -> None:  # fmt: skip
        """`partitions` is the count of each topic. Of what the vendor counts nothing is taken before it was read."""
        self._slice, self._clock, self._partitions, self._settle_s = slice_, clock, partitions, settle_s
        self._meter = meter or _Unmetered()
        self._wall = WallWatch(clock)
        self._own = [OwnCount(limit, part, partitions) for limit, part in slice_.requests.items()]
        self._counted = VendorCount(slice_.counted, slice_.weight, partitions) if slice_.counted else None
        self._quotas: list[Quota] = [*self._own, *([self._counted] if self._counted else [])]
        self._slots = Slots(slice_.slots, partitions, slot_rest_s)
        self._changed = threading.Condition()
        self._is_member: Callable[[], bool] = lambda: True
        self._is_suspended = True
        self._out = 0
        self._refused_at: float | None = None
        self._lack = ""

    def spend_while(self, is_member: Callable[[], bool]) -> None:
        """Nothing is spent while this, asked from any thread, does not say that our share is for certain ours."""
        self._is_member = is_member

    # -- the runner's thread ------------------------------------------------------------------

    def assigned(self, numbers: Collection[int], gained: Collection[int]) -> None:
        """These partition numbers are ours now; the gained ones may have been used by somebody until now."""
        with self._changed:
            now = self._clock.monotonic()
            for quota in self._quotas:
                quota.assigned(numbers, gained, now + self._settle_s)
            self._slots.assigned(numbers, gained, now)
            self._is_suspended = not numbers
            lack = self._lack = self._lack_of(numbers)
            self._changed.notify_all()
        if lack:
            log.warning("%s", lack)

    def revoked(self) -> None:
        """Nothing may be taken until we are told what is ours."""
        with self._changed:
            self._is_suspended, self._refused_at = True, None
            self._changed.notify_all()

    def take(self, now: float) -> float:
        """Pay for one request: 0 when it may be made, else the seconds after which to ask again.

        What was taken is ended by `request`, or, when it never leaves, by `give_back`.
        """
        with self._changed:
            wait_s = self._take(now)
            if wait_s > 0:
                self._refused_at = now if self._refused_at is None else self._refused_at
            elif self._refused_at is not None:
                self._meter.budget_waited(now - self._refused_at)
                self._refused_at = None
            return wait_s

    def give_back(self) -> None:
        """One that was taken was certainly not sent."""
        self._end(unsent=1, slots=1)

    def wants_count(self, now: float) -> bool:
        """Whether to ask the vendor for its count now; then `vendor_said` or `could_not_ask` hears what came of it."""
        with self._changed:
            return self._counted is not None and not self._is_suspended and self._counted.ask(self._out, self._at(now))

    def vendor_said(self, count: Count | None) -> None:
        """What the vendor has counted in its current window; None: it cannot tell."""
        with self._changed:
            if self._counted is not None:
                self._counted.said(count or Count(), self._at(self._clock.monotonic()))
                self._changed.notify_all()

    def could_not_ask(self) -> None:
        """The question that `wants_count` asked for was not paid for: other limits refuse it now. From any thread."""
        with self._changed:
            if self._counted is not None:
                self._counted.could_not_ask(self._clock.monotonic())

    def holds(self, now: float) -> Iterator[RouteHold]:
        """Why nothing goes for long: this worker has no part of a limit, or the vendor's own count leaves none."""
        with self._changed:
            if self._lack:
                yield RouteHold("", Cause.CONFIGURATION, self._lack, 0.0)
            if self._counted and not self._is_suspended and (until := self._counted.used_up_until(now)) is not None:
                yield RouteHold("", Cause.QUOTA, "by the vendor's own count nothing is left for this worker", until)

    def left(self, now: float) -> int | None:
        """How many requests the windows allow now; None without any limit."""
        with self._changed:
            if not self._quotas:
                return None
            moment = self._at(now)
            return 0 if self._is_suspended else max(0, min(quota.left(self._out, moment) for quota in self._quotas))

    # -- delivery threads ---------------------------------------------------------------------

    @contextmanager
    def request(self) -> Iterator[Purse]:
        """Around the one request that `take` paid for, and further ones by the purse: ended, they begin to age.

        GateClosedError passes through: that request was not sent.
        """
        purse, unsent = Purse(self, has_slot=True), 0
        try:
            yield purse
        except GateClosedError:
            unsent = 1
            raise
        finally:
            self._end(landed=purse.spent + 1 - unsent, unsent=unsent, asked=purse.asked, slots=1)

    @contextmanager
    def purse(self) -> Iterator[Purse]:
        """Around requests that nothing was taken for: look-ups, probes, questions. Each is paid from the purse."""
        purse = Purse(self, has_slot=False)
        try:
            yield purse
        finally:
            self._end(landed=purse.spent, asked=purse.asked, slots=int(purse.has_slot))

    def spend(self, bound_s: float, *, needs_slot: bool, is_question: bool = False) -> None:
        """Take one for a further request, waiting at most so long. Raises BudgetGoneError. Use a purse."""
        began, is_late = self._clock.monotonic(), False
        with self._changed:
            while (wait_s := self._take(self._clock.monotonic(), needs_slot, is_question)) > 0:
                left_s = began + bound_s - self._clock.monotonic()
                if wait_s > left_s:
                    raise BudgetGoneError(
                        f"the vendor's budget allows the next request in {wait_s:.1f} s, longer than it may wait "
                        f"({max(0.0, left_s):.1f} s): nothing more was sent"
                    )
                is_late = True
                self._changed.wait(wait_s)
        if is_late:
            self._meter.budget_waited(self._clock.monotonic() - began)

    # -- pieces -------------------------------------------------------------------------------

    def _take(self, now: float, needs_slot: bool = True, is_question: bool = False) -> float:
        if self._is_suspended or not self._is_member():
            return SOON_S
        moment, quotas = self._at(now), self._own if is_question else self._quotas
        # every quota that refuses is asked for its wait: the one that the vendor counts learns that it is wanted
        waits = [quota.wait_s(self._out, moment) for quota in quotas if quota.left(self._out, moment) < 1]
        if needs_slot and (slot_s := self._slots.wait_s(now)) > 0:
            waits.append(slot_s)
        if waits:
            return max(waits)
        for quota in quotas:
            quota.taken()
        if needs_slot:
            self._slots.taken()
        self._out += 1
        return 0.0

    def _end(self, *, landed: int = 0, unsent: int = 0, asked: int = 0, slots: int = 0) -> None:
        """Requests have ended, or were never sent; questions are none of the quota that they are about."""
        with self._changed:
            now = self._clock.monotonic()
            self._out -= landed + unsent + asked
            self._slots.freed(slots)
            for quota in self._quotas:
                counted = landed if quota is self._counted else landed + asked
                if counted:
                    quota.landed(counted, now)
                if unsent:
                    quota.given_back(unsent)
            self._changed.notify_all()

    def _lack_of(self, numbers: Collection[int]) -> str:
        """What of the slice has no part on these partition numbers."""
        if not numbers or (self._slots.has_part() and all(quota.has_part() for quota in self._own)):
            return ""
        most, part = self._slice.most_workers(self._partitions)
        return (
            f"nothing is sent from here: {part} are shared by {self._partitions} partitions, and this worker's have no "
            f"part of them. They are enough for {most} workers of this group: run no more, or raise the limit"
        )

    def _at(self, now: float) -> Moment:
        wall, doubt_s = self._wall.read()
        return Moment(now, wall, doubt_s)
