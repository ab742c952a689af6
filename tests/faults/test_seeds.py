"""Seeded histories: whatever goes wrong, every promise holds when everything is quiet again.

A fixed few are played in CI; `make faults SEEDS=50` plays fifty, `make faults SEED=17` repeats one.
"""

import os

import pytest

from tests.faults.plan import Fault, Mood, draw
from tests.faults.play import play
from tests.faults.scene import Scene
from tests.faults.stage import history

FIXED = (29, 84, 159)
"""Drawn so that together they have every fault and every mood."""


def _seeds() -> tuple[int, ...]:
    if one := os.environ.get("COMMFLEET_FAULT_SEED"):
        return (int(one),)
    if count := os.environ.get("COMMFLEET_FAULT_SEEDS"):
        return tuple(range(1, int(count) + 1))
    return FIXED


def test_the_fixed_seeds_have_everything() -> None:
    """No kind of fault and no mood of the vendor is left to chance."""
    drawn = {step.what for seed in FIXED for step in draw(seed).steps}
    assert drawn == {*Fault, *Mood}


def test_a_plan_is_its_seed() -> None:
    """The seed is all that a failure report needs."""
    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
    assert draw(3).slice(1) == draw(3).slice(1)


@pytest.mark.parametrize("seed", [seed for seed in _seeds() if not draw(seed).needs_own_broker])
@history(repeat="make faults SEED={seed}")
def test_seed(scene: Scene, seed: int) -> str:
    """Faults of processes and of the vendor, on a broker that stays."""
    return play(scene, draw(seed))


@pytest.mark.parametrize("seed", [seed for seed in _seeds() if draw(seed).needs_own_broker])
@history(own_broker=True, repeat="make faults SEED={seed}")
def test_seed_with_a_broker_that_goes_away(scene: Scene, seed: int) -> str:
    """The same, and the broker is stopped and started."""
    return play(scene, draw(seed))
