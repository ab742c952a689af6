"""Routes: what a hold stops, and how it ends."""

import random

import pytest

from common.reasons import Cause
from tests.property.test_lanes import action
from workers.sinks.api import Hold, Scope
from workers.sinks.routes import Routes

ONE, TWO = action("one", max_items=75), action("two", max_items=75)


def routes() -> Routes:
    return Routes(base_s=1.0, cap_s=60.0, rng=random.Random(1))


def hold(cause: Cause = Cause.VENDOR_DOWN, scope: Scope = Scope.SINK, after: float | None = None) -> Hold:
    return Hold(cause, scope, "why", after)


def test_a_sink_hold_stops_every_action() -> None:
    """An expired password concerns all of them."""
    it = routes()
    it.hold(ONE, hold(Cause.CREDENTIALS), now=0.0)
    assert (it.allowance(ONE), it.allowance(TWO)) == (0, 0)


def test_an_action_hold_stops_only_its_own() -> None:
    """A wrong campaign id does not stop attributes."""
    it = routes()
    it.hold(ONE, hold(Cause.CONFIGURATION, Scope.ACTION), now=0.0)
    assert (it.allowance(ONE), it.allowance(TWO)) == (0, 75)


def test_a_throttle_ends_when_the_vendor_said() -> None:
    """No probe is spent on a window that opens by itself."""
    it = routes()
    it.hold(ONE, hold(Cause.THROTTLED, after=30.0), now=0.0)
    assert list(it.to_probe(29.9)) == []
    assert it.allowance(ONE) == 0
    assert list(it.to_probe(30.0)) == []
    assert it.allowance(ONE) == 75


def test_a_dead_vendor_is_probed_then_tried_with_one() -> None:
    """First the harmless read, then one delivery, then all."""
    it = routes()
    it.hold(ONE, hold(), now=0.0)
    assert list(it.to_probe(2.0)) == [ONE]
    assert list(it.to_probe(2.0)) == []
    assert it.allowance(ONE) == 0
    it.probed(ONE, None, now=2.1)
    assert it.allowance(ONE) == 1
    it.sent(ONE)
    assert it.allowance(ONE) == 0
    it.answered(ONE)
    assert it.allowance(ONE) == 75


def test_a_failed_probe_backs_off() -> None:
    """The hold stays and the next question comes later."""
    it = routes()
    it.hold(ONE, hold(), now=0.0)
    list(it.to_probe(2.0))
    it.probed(ONE, hold(), now=2.0)
    assert it.allowance(ONE) == 0
    assert it.next_due() is not None
    assert it.next_due() > 2.0  # type: ignore[operator]


def test_a_failed_trial_closes_the_route_again() -> None:
    """The one delivery met the same trouble."""
    it = routes()
    it.hold(ONE, hold(), now=0.0)
    list(it.to_probe(2.0))
    it.probed(ONE, None, now=2.0)
    it.sent(ONE)
    it.hold(ONE, hold(), now=2.5)
    assert it.allowance(ONE) == 0
    assert [h.cause for h in it.holds()] == [Cause.VENDOR_DOWN]


def test_a_trial_that_came_back_unsent_may_be_used_again() -> None:
    """A closed gate says nothing about the vendor."""
    it = routes()
    it.hold(ONE, hold(), now=0.0)
    list(it.to_probe(2.0))
    it.probed(ONE, None, now=2.0)
    it.sent(ONE)
    it.came_back(ONE)
    assert it.allowance(ONE) == 1


def test_a_trial_that_met_another_hold_may_be_used_again() -> None:
    """The one delivery for an action and its sink met the sink's trouble: the action is tried anew."""
    it = routes()
    it.hold(ONE, hold(scope=Scope.ACTION), now=0.0)
    it.hold(ONE, hold(scope=Scope.SINK), now=0.0)
    assert list(it.to_probe(2.0)) == [ONE, ONE]
    it.probed(ONE, None, now=2.0)
    it.sent(ONE)
    it.hold(ONE, hold(scope=Scope.SINK), now=2.5)
    assert it.allowance(ONE) == 0

    assert list(it.to_probe(60.0)) == [ONE]
    it.probed(ONE, None, now=60.0)

    assert it.allowance(ONE) == 1
    it.sent(ONE)
    assert len(it.answered(ONE)) == 2
    assert not it.has_holds


def test_another_actions_trial_goes_on() -> None:
    """What a late answer of one action says does not end the trial of another."""
    it = routes()
    it.hold(ONE, hold(scope=Scope.SINK), now=0.0)
    list(it.to_probe(2.0))
    it.probed(ONE, None, now=2.0)
    it.sent(TWO)
    it.hold(ONE, hold(scope=Scope.ACTION), now=2.1)

    assert it.allowance(TWO) == 0


def test_requests_that_ran_at_the_onset_do_not_lengthen_the_hold() -> None:
    """Eight answers of one outage are one failure."""
    it = routes()
    it.hold(ONE, hold(), now=0.0)
    due = it.next_due()
    for _ in range(7):
        it.hold(ONE, hold(), now=0.1)
    assert it.next_due() == due


def test_a_late_success_does_not_open_a_held_route() -> None:
    """An answer to a request from before the hold proves nothing; only the trial's does."""
    it = routes()
    it.hold(ONE, hold(), now=0.0)
    assert it.answered(ONE) == []
    assert it.allowance(ONE) == 0


@pytest.mark.parametrize(("route", "was_held"), [("", True), ("two", False)])
def test_an_operator_releases_a_route(route: str, was_held: bool) -> None:
    """The sink's own route has the empty name."""
    it = routes()
    it.hold(ONE, hold(Cause.CREDENTIALS), now=0.0)
    assert it.release(route) is was_held
    assert (it.allowance(ONE) == 75) is was_held
