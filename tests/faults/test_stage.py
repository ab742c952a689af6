"""The stage, and that every history of `docs/engine.md` has a test of its own."""

import re
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.faults import test_history_letters, test_history_parking, test_history_takeover, test_history_vendor
from tests.faults.patched import PATCHES
from tests.faults.scene import Scene
from tests.faults.stage import Stage, history
from tests.faults.test_sabotage import SABOTAGES
from tests.support.fixtures import ExternalKafka

MODULES = (test_history_letters, test_history_parking, test_history_takeover, test_history_vendor)


def numbers(module: ModuleType) -> set[int]:
    """The numbers with which the docstrings of a module's histories begin."""
    docs = [test.__doc__ or "" for test in vars(module).values() if hasattr(test, "history")]
    return {int(found[1]) for doc in docs if (found := re.match(r"(\d+): ", doc))}


def test_all_twenty_one_histories_are_there() -> None:
    """Each breaks a simpler design; none may be forgotten."""
    assert set.union(*map(numbers, MODULES)) == set(range(1, 22))


def test_every_sabotage_is_a_patch() -> None:
    """A patch that nobody knows would make an honest worker."""
    assert {one.patch for one in SABOTAGES} <= PATCHES.keys()


class FakeItem:
    """What the stage needs of a test."""

    nodeid, name = "here::test_it[7]", "test_it[7]"

    def __init__(self) -> None:
        @history(repeat="make faults SEED={seed}")
        def test_it(scene: Scene, seed: int) -> None:
            raise AssertionError(f"{seed} is broken")

        self.obj, self.callspec = test_it, SimpleNamespace(params={"seed": 7})


def test_a_failure_names_the_command_that_repeats_it(tmp_path: Path) -> None:
    """Beside what went wrong."""
    item: Any = FakeItem()
    with closing(Stage(ExternalKafka("localhost:9"), tmp_path)) as stage:
        stage.begin([item])
        with pytest.raises(AssertionError, match="7 is broken") as raised:
            stage.outcome_of(item)
    assert "repeat: make faults SEED=7" in raised.value.__notes__
