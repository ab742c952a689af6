"""What Braze's answers tell of the hour (§4 of its vendor page)."""

from datetime import timedelta

from tests.support.clock import ManualClock
from workers.sinks.braze.told import FRESH_S, Told
from workers.sinks.limit import Count
from workers.vendors.braze.rate import Patience


def told(clock: ManualClock) -> Told:
    """Nothing was heard yet."""
    return Told(Patience(clock.now, lambda: 0.0), clock.monotonic)


def answer(clock: ManualClock, left: int, ends_in_s: float = 1800) -> dict[str, str]:
    """§4: the headers of an answer, the reset as a moment."""
    ends = clock.now() + timedelta(seconds=ends_in_s)
    return {
        "x-ratelimit-limit": "1000",
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": str(int(ends.timestamp())),
    }


def test_nothing_is_known_before_an_answer() -> None:
    """So the first request goes alone."""
    assert told(ManualClock()).count() is None


def test_an_answer_tells_what_is_used_and_left() -> None:
    """§4: x-ratelimit-limit and -remaining."""
    clock = ManualClock()
    it = told(clock)
    it.heard(answer(clock, 990))
    assert it.count() == Count(10, 990)


def test_answers_that_overtake_each_other_do_not_give_back() -> None:
    """The lowest of one window counts."""
    clock = ManualClock()
    it = told(clock)
    it.heard(answer(clock, 980))
    it.heard(answer(clock, 985))
    assert it.count() == Count(20, 980)


def test_what_was_told_ends_with_its_window() -> None:
    """§4: hours are aligned to the clock; the next one's first answer tells anew."""
    clock = ManualClock()
    it = told(clock)
    it.heard(answer(clock, 0, ends_in_s=30))
    clock.advance(31)
    assert it.count() is None
    it.heard(answer(clock, 999))
    assert it.count() == Count(1, 999)


def test_what_was_told_long_ago_says_too_little() -> None:
    """§4: others share the quota."""
    clock = ManualClock()
    it = told(clock)
    it.heard(answer(clock, 900))
    clock.advance(FRESH_S + 1)
    assert it.count() is None


def test_headers_that_say_nothing_are_passed_over() -> None:
    """§4: on a 401 they are empty, on a MAU plan's 429 absent."""
    clock = ManualClock()
    it = told(clock)
    it.heard({"x-ratelimit-limit": "", "x-ratelimit-remaining": "", "x-ratelimit-reset": ""})
    it.heard({"x-ratelimit-retry-after": "60"})
    assert it.count() is None
