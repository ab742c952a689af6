"""A source's token bucket: what passes at once, what passes on average, and how long the rest waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import ManualClock
from workers.ingest.problem import RefusalError
from workers.ingest.rate_limit import Bucket, RateLimits
from workers.ingest.rate_limit_config import RateLimit


def test_a_burst_passes_and_the_next_waits() -> None:
    """For as long as its token needs."""
    bucket = Bucket(RateLimit(per_s=4, burst=3), ManualClock())

    assert [bucket.take(1) for _ in range(4)] == [0, 0, 0, 0.25]


def test_time_brings_tokens_back() -> None:
    """Never more than the burst."""
    clock = ManualClock()
    bucket = Bucket(RateLimit(per_s=2, burst=2), clock)
    bucket.take(2)

    clock.advance(0.5)
    assert [bucket.take(1), bucket.take(1)] == [0, 0.5]
    clock.advance(3600)
    assert [bucket.take(1), bucket.take(1), bucket.take(1)] == [0, 0, 0.5]


def test_a_request_larger_than_the_burst_passes_when_the_bucket_is_full() -> None:
    """Into debt, which is waited for afterwards: no request is too large for ever."""
    clock = ManualClock()
    bucket = Bucket(RateLimit(per_s=10, burst=5), clock)

    assert bucket.take(25) == 0
    assert bucket.take(1) == pytest.approx(2.1)
    clock.advance(2.1)
    assert bucket.take(1) == 0


def test_requests_may_be_counted_instead_of_items() -> None:
    """A batch then costs what a single event costs."""
    bucket = Bucket(RateLimit(per_s=1, burst=2, of="requests"), ManualClock())

    assert [bucket.take(1000), bucket.take(1000), bucket.take(1)] == [0, 0, 1]


def test_an_empty_request_is_not_free() -> None:
    """Or it could be sent without end."""
    bucket = Bucket(RateLimit(per_s=1, burst=1), ManualClock())

    assert [bucket.take(0), bucket.take(0)] == [0, 1]


@given(
    steps=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20))),
    per_s=st.floats(0.1, 50),
    burst=st.integers(1, 30),
)
def test_no_more_than_rate_and_burst_ever_pass(steps: list[tuple[float, int]], per_s: float, burst: int) -> None:
    """In any sequence; the last request may overdraw by itself. Who waits as long as told passes."""
    clock = ManualClock()
    bucket, passed, began, last = Bucket(RateLimit(per_s=per_s, burst=burst), clock), 0, clock.monotonic(), 0
    for pause_s, items in steps:
        clock.advance(pause_s)
        wait_s = bucket.take(items)
        clock.advance(wait_s + 1e-6 if wait_s else 0)
        assert not wait_s or bucket.take(items) == 0
        passed, last = passed + items, items

    assert passed - last <= burst + per_s * (clock.monotonic() - began) + 1e-3


def test_a_source_without_a_limit_has_none() -> None:
    """And each of the others its own."""
    limits = RateLimits(
        {"a": RateLimit(per_s=0.1, burst=1), "b": RateLimit(per_s=1, burst=1), "c": None}, ManualClock()
    )

    for source in ("a", "b", "c", "c", "unknown"):
        limits.check(source, 1)
    with pytest.raises(RefusalError) as refused:
        limits.check("a", 1)
    assert refused.value.problem.headers == {"retry-after": "10"}
