"""The budget: a fleet never exceeds a vendor's limit, and uses it, whoever owns what."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fleet import START, World
from workers.sinks.api import Limit, WindowKind
from workers.sinks.periods import begin_of

SHORT = [
    [Limit(50, 20.0)],
    [Limit(30, 3.0, WindowKind.ALIGNED)],
    [Limit(12, 1.0), Limit(40, 10.0)],
]
LONG = [
    Limit(500, 3600.0),
    Limit(400, 3600.0, WindowKind.ALIGNED),
    Limit(500, 86_400.0, WindowKind.DAY, "Europe/Berlin"),
]
COUNTED = [
    Limit(1500, 3600.0, WindowKind.ALIGNED),
    Limit(1500, 86_400.0, WindowKind.DAY, "America/Chicago"),
]


def history(world: World, steps: int, step_s: float, moves: float) -> None:
    """Joins, leaves, restarts, and clocks that are set, at random."""
    rng = world.rng
    world.rebalance(rng.randint(1, 4))
    for _ in range(steps):
        world.per_step, world.longest_s = rng.choice((0, 1, 3, 10**6)), rng.choice((0.0, 0.4, 5.0))
        if rng.random() < moves:
            members = rng.randint(1, 4)
            world.rebalance(members, rng.randint(0, members))
        for worker in world.fleet:
            if rng.random() < moves / 4 or worker.clock.is_overdue:
                worker.clock.set(rng)
        world.step(step_s)


@settings(max_examples=40)
@given(st.sampled_from(SHORT), st.sampled_from((4, 6, 12)), st.integers(0, 10**9))
def test_no_short_window_is_ever_exceeded(limits: list[Limit], partitions: int, seed: int) -> None:
    """Any span of the window's length, wherever it begins, through any moves, restarts and clock steps."""
    world = World(limits, partitions, random.Random(seed))
    history(world, 400, 0.23, 0.02)
    for limit in limits:
        assert world.vendor.most(limit) <= limit.requests


@settings(max_examples=25)
@given(st.sampled_from((1, 3, 7, 20)), st.sampled_from((4, 6, 12)), st.integers(0, 10**9))
def test_no_more_than_the_slots_run_at_once(slots: int, partitions: int, seed: int) -> None:
    """Through any moves and restarts, where a gained slot rests for as long as a request may take."""
    world = World([Limit(10_000, 20.0)], partitions, random.Random(seed), slots=slots, rest_s=5.0)
    history(world, 400, 0.23, 0.02)
    assert world.vendor.most_at_once() <= slots


@pytest.mark.parametrize("members", [1, 3])
def test_a_settled_fleet_uses_its_slots(members: int) -> None:
    """Three members with seven slots together have seven requests running most of the time."""
    world = World([Limit(10_000, 20.0)], 12, random.Random(members), slots=7)
    world.longest_s = 2.0
    world.rebalance(members)
    while world.now < 60:
        world.step(0.02)
    since = [request for request in world.vendor.requests if request.left_at >= 20]
    busy_s = sum(request.ends_at - request.left_at for request in since)
    assert busy_s >= 0.9 * 7 * 40


@settings(max_examples=25)
@given(st.sampled_from(LONG), st.sampled_from((4, 12)), st.integers(0, 10**9))
def test_no_long_window_is_ever_exceeded(limit: Limit, partitions: int, seed: int) -> None:
    """Hours and days that only we count: clocks that are set, and the day on which a zone's change."""
    world = World([limit], partitions, random.Random(seed))
    history(world, 400, limit.window_s / 150 + 0.37, 0.01)
    assert world.vendor.most(limit) <= limit.requests


@settings(max_examples=15)
@given(st.sampled_from(COUNTED), st.sampled_from((4, 12)), st.integers(0, 10**9))
def test_a_quota_that_the_vendor_counts_is_never_exceeded(limit: Limit, partitions: int, seed: int) -> None:
    """Restarts at any hour, others who use the same quota, answers that do not come: the vendor's count is kept."""
    rng = random.Random(seed)
    world = World([limit], partitions, rng, counted=limit)
    world.vendor.others = [0.0] * rng.randint(0, limit.requests * 9 // 10)
    history(world, 900, 15.0, 0.02)
    assert max(world.vendor.windows(limit).values()) <= limit.requests


@settings(max_examples=8)
@given(st.sampled_from((4, 12)), st.integers(0, 10**9))
def test_a_quota_that_only_answers_tell_is_never_exceeded(partitions: int, seed: int) -> None:
    """What a worker remembers may be two minutes old, and the others have gone on since."""
    rng, limit = random.Random(seed), COUNTED[0]
    world = World([limit], partitions, rng, counted=limit, answers_tell=True)
    world.vendor.others = [0.0] * rng.randint(0, limit.requests * 9 // 10)
    history(world, 900, 15.0, 0.02)
    assert max(world.vendor.windows(limit).values()) <= limit.requests


@pytest.mark.parametrize("members", [1, 4])
def test_a_settled_fleet_uses_what_answers_tell(members: int) -> None:
    """The first request of an hour goes alone; nine tenths of the hour are used all the same."""
    limit = Limit(3000, 3600.0, WindowKind.ALIGNED, is_counted=True)
    world = World([limit], 12, random.Random(members), counted=limit, answers_tell=True)
    world.rebalance(members)
    while world.now < 1.3 * limit.window_s:
        world.step(5.0)
    windows = world.vendor.windows(limit)
    whole = [count for begin, count in windows.items() if begin > begin_of(limit, START)]
    assert whole[0] >= 0.9 * limit.requests


@pytest.mark.parametrize("limits", SHORT)
@pytest.mark.parametrize("members", [1, 2, 3, 4])
def test_a_settled_fleet_uses_its_budget(limits: list[Limit], members: int) -> None:
    """While everybody has a backlog, nine tenths of the tightest limit are used."""
    world = World(limits, 12, random.Random(members))
    world.longest_s = 0.1
    world.rebalance(members)
    longest = max(limit.window_s for limit in limits)
    while world.now < 6 * longest:
        world.step(0.02)
    tightest = min(limit.requests / limit.window_s for limit in limits)
    used = sum(at >= 2 * longest for at in world.vendor.arrivals)
    assert used >= 0.9 * tightest * 4 * longest


@pytest.mark.parametrize("limit", COUNTED)
@pytest.mark.parametrize("members", [1, 4])
def test_a_settled_fleet_uses_what_the_vendor_counts(limit: Limit, members: int) -> None:
    """Grants of a sixth still use nine tenths of a quota within its window."""
    world = World([limit], 12, random.Random(members), counted=limit)
    world.rebalance(members)
    while world.now < 1.4 * limit.window_s:
        world.step(15.0)
    windows = world.vendor.windows(limit)
    whole = [count for begin, count in windows.items() if begin > begin_of(limit, START)]
    assert whole[0] >= 0.9 * limit.requests


def test_a_restart_at_noon_does_not_get_a_fresh_quota() -> None:
    """Half the day's quota is used; a whole new fleet gets to use the other half, and no more."""
    limit = Limit(2000, 86_400.0, WindowKind.DAY, "UTC")
    world = World([limit], 12, random.Random(1), counted=limit)
    world.vendor.others = [0.0] * 1000
    for members in (3, 3, 2):
        world.rebalance(members, restarted=members)
        for _ in range(200):
            world.step(15.0)
    today = world.vendor.windows(limit)[begin_of(limit, START)]
    assert 0.9 * limit.requests <= today <= limit.requests
