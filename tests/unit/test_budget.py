"""One worker's budget: what it may take, when it waits, whom it asks."""

import threading
from typing import Any

import pytest

from common.errors import BudgetGoneError, GateClosedError
from common.reasons import Cause
from tests.support.clock import ManualClock
from workers.sinks.api import Limit, WindowKind
from workers.sinks.budget import Budget
from workers.sinks.limit import Count
from workers.sinks.periods import end_of
from workers.sinks.slices import Slice

DAY = Limit(1200, 86_400.0, WindowKind.DAY, "America/Chicago")


def budget(
    clock: ManualClock, *limits: Limit, counted: Limit | None = None, slots: int | None = None, **more: Any
) -> Budget:
    """All of the fleet's partitions, owned for so long that nothing of former owners counts."""
    own = {one: one.requests for one in limits if one != counted}
    made = Budget(Slice(own, counted=counted, slots=slots), clock, 12, **more)
    made.assigned(range(12), range(12))
    return made


def rested(clock: ManualClock, *limits: Limit, **more: Any) -> Budget:
    made = budget(clock, *limits, **more)
    clock.advance(max(limit.window_s for limit in limits) + 2)
    return made


def drain(it: Budget, clock: ManualClock) -> int:
    """Take all that may be taken now; each ends at once."""
    count = 0
    while it.take(clock.monotonic()) == 0:
        with it.request():
            count += 1
    return count


def test_nothing_is_taken_before_partitions_are_ours() -> None:
    """A worker without partitions has no share."""
    clock = ManualClock()
    it = Budget(Slice({Limit(10, 1.0): 10}, slots=4), clock, 12)
    assert it.take(clock.monotonic()) > 0


def test_gained_partitions_come_used_up_and_kept_ones_keep_theirs() -> None:
    """Their former owner may have used their part a moment ago."""
    clock = ManualClock()
    it = Budget(Slice({Limit(12, 20.0): 12}), clock, 12)
    it.assigned(range(6), range(6))
    assert drain(it, clock) == 0
    clock.advance(22)
    it.assigned(range(12), range(6, 12))
    assert drain(it, clock) == 6
    clock.advance(22)
    assert drain(it, clock) == 12


def test_what_was_used_of_lost_partitions_goes_on_counting() -> None:
    """Losing and gaining does not make requests undone."""
    clock = ManualClock()
    it = rested(clock, Limit(12, 20.0))
    assert drain(it, clock) == 12
    it.revoked()
    it.assigned(range(6), ())
    clock.advance(19)
    assert drain(it, clock) == 0
    clock.advance(2)
    assert drain(it, clock) == 6


def test_all_limits_must_admit() -> None:
    """The tightest decides, and the wait is the longest of those that refuse."""
    clock = ManualClock()
    it = rested(clock, Limit(5, 1.0), Limit(8, 10.0))
    assert drain(it, clock) == 5
    assert 0 < it.take(clock.monotonic()) <= 1.1
    clock.advance(1.1)
    assert drain(it, clock) == 3
    assert it.take(clock.monotonic()) > 5


def test_a_request_ages_from_its_end() -> None:
    """The vendor may count it at any moment until it is answered."""
    clock = ManualClock()
    it = rested(clock, Limit(1, 20.0))
    assert it.take(clock.monotonic()) == 0
    with it.request():
        clock.advance(30)
        assert it.take(clock.monotonic()) > 0
    clock.advance(19)
    assert it.take(clock.monotonic()) > 0
    clock.advance(2)
    assert it.take(clock.monotonic()) == 0


def test_what_never_left_is_given_back() -> None:
    """A draft that was withdrawn, or that its gate refused, costs nothing."""
    clock = ManualClock()
    it = rested(clock, Limit(1, 20.0))
    assert it.take(clock.monotonic()) == 0
    it.give_back()
    assert it.take(clock.monotonic()) == 0
    with pytest.raises(GateClosedError), it.request():
        raise GateClosedError("not ours")
    assert it.left(clock.monotonic()) == 1


def test_a_batch_pays_for_its_further_requests() -> None:
    """They are counted beside the one that was taken, and its gate's refusal does not give them back."""
    clock = ManualClock()
    it = rested(clock, Limit(5, 20.0))
    assert it.take(clock.monotonic()) == 0

    def deliver() -> None:
        with it.request() as purse:
            purse.spend()
            purse.spend()
            raise GateClosedError("not ours")

    with pytest.raises(GateClosedError):
        deliver()
    with it.purse() as purse:
        purse.spend()
    assert it.left(clock.monotonic()) == 2


def test_a_further_request_that_would_wait_too_long_is_refused() -> None:
    """The error says when there would be leave again."""
    clock = ManualClock()
    it = rested(clock, Limit(1, 20.0))
    with it.purse() as purse:
        purse.spend()
    with it.purse() as purse, pytest.raises(BudgetGoneError, match=r"in 2\d\.\d s"):
        purse.spend(5.0)


def test_a_worker_that_may_be_no_member_spends_nothing() -> None:
    """What looks like our share may be another's by now: neither a batch nor a look-up goes."""
    clock = ManualClock()
    it, member = rested(clock, Limit(5, 1.0)), [False]
    it.spend_while(lambda: member[0])
    with it.purse() as purse, pytest.raises(BudgetGoneError):
        purse.spend(0.0)
    assert it.take(clock.monotonic()) > 0
    member[0] = True
    assert it.take(clock.monotonic()) == 0


def test_a_further_request_waits_for_another_to_end() -> None:
    """Given back in one thread, taken in another, within the bound."""
    clock = ManualClock()
    it = rested(clock, Limit(1, 20.0))
    assert it.take(clock.monotonic()) == 0
    started, done = threading.Event(), threading.Event()

    def spend() -> None:
        with it.purse() as purse:
            started.set()
            purse.spend(5.0)
            done.set()

    thread = threading.Thread(target=spend)
    thread.start()
    started.wait(5)
    it.give_back()
    assert done.wait(5)
    thread.join()


def test_the_vendors_count_is_read_before_anything_is_taken() -> None:
    """Pessimistic until read; then a sixth of what remains may be used within a minute."""
    clock = ManualClock()
    it = budget(clock, DAY, counted=DAY)
    assert not it.wants_count(clock.monotonic())
    assert drain(it, clock) == 0
    assert it.wants_count(clock.monotonic())
    assert not it.wants_count(clock.monotonic())
    it.vendor_said(Count(600))
    assert drain(it, clock) == (1200 - 600 - 24) // 6
    assert not it.wants_count(clock.monotonic())
    clock.advance(61)
    assert it.wants_count(clock.monotonic())
    it.vendor_said(Count(remaining=24))
    assert drain(it, clock) == 0


def test_a_grant_ends() -> None:
    """Others may have used the quota since."""
    clock = ManualClock()
    it = budget(clock, DAY, counted=DAY)
    drain(it, clock)
    assert it.wants_count(clock.monotonic())
    it.vendor_said(Count(0))
    clock.advance(61)
    assert drain(it, clock) == 0


def test_one_request_may_go_where_only_answers_tell_the_count() -> None:
    """Its answer is read at once; without a count the next one waits."""
    clock = ManualClock()
    it = budget(clock, DAY, counted=DAY)
    drain(it, clock)
    assert it.wants_count(clock.monotonic())
    it.vendor_said(None)
    assert drain(it, clock) == 1
    drain(it, clock)
    assert it.wants_count(clock.monotonic())
    it.vendor_said(None)
    assert drain(it, clock) == 0


def test_an_exhausted_quota_is_asked_about_when_its_day_ends() -> None:
    """And seldom before."""
    clock = ManualClock()
    clock.advance((end_of(DAY, clock.now()) - clock.now()).total_seconds() - 120)
    it = budget(clock, DAY, counted=DAY)
    drain(it, clock)
    assert it.wants_count(clock.monotonic())
    it.vendor_said(Count(1200))
    drain(it, clock)
    clock.advance(61)
    assert not it.wants_count(clock.monotonic())
    clock.advance(65)
    assert it.wants_count(clock.monotonic())


def test_waiting_for_leave_is_measured() -> None:
    """From the first refusal to the request that was taken."""

    class Meter:
        """Remembers."""

        waits: list[float] = []  # noqa: RUF012

        def budget_waited(self, seconds: float) -> None:
            """A request was taken after so long."""
            self.waits.append(seconds)

    clock, meter = ManualClock(), Meter()
    it = rested(clock, Limit(1, 20.0), meter=meter)
    drain(it, clock)
    clock.advance(21)
    drain(it, clock)
    assert meter.waits == [pytest.approx(21)]


def test_a_lookup_is_not_measured_as_a_wait_unless_it_waited() -> None:
    """Only those that had to wait are in the figure, the runner's own and a delivery thread's apart."""

    class Meter:
        """Remembers."""

        def __init__(self) -> None:
            self.waits: list[float] = []

        def budget_waited(self, seconds: float) -> None:
            """A request was taken after so long."""
            self.waits.append(seconds)

    clock, meter = ManualClock(), Meter()
    it = rested(clock, Limit(3, 20.0), meter=meter)
    with it.purse() as purse:
        purse.spend()
    drain(it, clock)
    it.revoked()
    clock.advance(100)
    it.assigned(range(12), ())
    drain(it, clock)
    assert meter.waits == []


def test_a_batch_and_its_further_requests_share_a_slot() -> None:
    """They are made one after the other; a look-up of its own takes another slot, and frees it."""
    clock = ManualClock()
    it = rested(clock, Limit(100, 20.0), slots=2)
    assert it.take(clock.monotonic()) == 0
    with it.request() as purse:
        purse.spend()
        with it.purse() as other:
            other.spend()
            other.spend()
            assert it.take(clock.monotonic()) > 0
        assert it.take(clock.monotonic()) == 0
        it.give_back()
    assert [it.take(clock.monotonic()) for _ in range(2)] == [0, 0]
    assert it.take(clock.monotonic()) > 0


def test_the_question_for_the_count_is_paid_from_everything_else() -> None:
    """It cannot wait for the quota that it asks about; the windows see it all the same."""
    clock = ManualClock()
    rate = Limit(3, 20.0)
    it = budget(clock, rate, counted=DAY)
    clock.advance(22)
    assert drain(it, clock) == 0
    assert it.wants_count(clock.monotonic())
    with it.purse() as purse:
        purse.ask()
        it.vendor_said(Count(0))
    assert drain(it, clock) == 2


def test_a_question_that_the_windows_refuse_is_asked_soon_again() -> None:
    """After a rebalance they are used up for a while; the vendor has not said that it cannot tell."""
    clock = ManualClock()
    it = budget(clock, Limit(3, 20.0), counted=DAY)
    drain(it, clock)
    assert it.wants_count(clock.monotonic())
    with it.purse() as purse, pytest.raises(BudgetGoneError):
        purse.ask()
    it.could_not_ask()
    assert not it.wants_count(clock.monotonic())
    clock.advance(1)
    assert it.wants_count(clock.monotonic())
    assert drain(it, clock) == 0


def test_partitions_without_a_part_are_told_with_what_to_do() -> None:
    """Their backlog would wait for ever, and the vendor is never asked."""
    clock = ManualClock()
    it = Budget(Slice({Limit(3, 1.0): 3}), clock, 12)
    it.assigned(range(9, 12), range(9, 12))
    (hold,) = it.holds(clock.monotonic())
    assert hold.cause is Cause.CONFIGURATION
    assert "enough for 3 workers" in hold.detail
    it.assigned(range(8, 12), (8,))
    assert list(it.holds(clock.monotonic())) == []


def test_a_quota_that_is_used_up_is_a_hold_until_it_is_asked_about_again() -> None:
    """By the vendor's own count, before it has to refuse anything."""
    clock = ManualClock()
    it = budget(clock, DAY, counted=DAY)
    drain(it, clock)
    assert list(it.holds(clock.monotonic())) == []
    assert it.wants_count(clock.monotonic())
    it.vendor_said(Count(1190))
    (hold,) = it.holds(clock.monotonic())
    assert (hold.cause, hold.action) == (Cause.QUOTA, "")
    clock.advance(hold.until - clock.monotonic() + 1)
    assert list(it.holds(clock.monotonic())) == []
