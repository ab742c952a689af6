"""Where histories are played: several at a time on one broker, each under a prefix and with a vendor of its own.

A history mostly waits: for a session to end, for a group to balance. So all histories of a test run
are begun when the first one is asked for, `CROWD` at a time, and each test waits for its own.
"""

import inspect
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scene import Bootstrap, Scene
from tests.support.broker import Broker

CROWD = 5
TIMEOUT_S = 400

Play = Callable[..., object]


@dataclass(frozen=True, slots=True)
class History:
    """What a test function declared: the play, and whether it needs a broker that it may stop."""

    play: Play
    own_broker: bool
    repeat: str


def history(
    *, own_broker: bool = False, repeat: str = "make faults ARGS='-k {name}'"
) -> Callable[[Play], Callable[..., None]]:
    """Turn a function of a scene (and of parameters) into a test; `repeat` is the command that repeats it."""

    def declare(play: Play) -> Callable[..., None]:
        def test(**given: Any) -> None:
            given["stage"].outcome_of(given["request"].node)

        more = [name for name in inspect.signature(play).parameters if name != "scene"]
        test.__name__, test.__doc__, test.__module__ = play.__name__, play.__doc__, play.__module__
        test.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what pytest fills in
            [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in ("stage", "request", *more)]
        )
        test.history = History(play, own_broker, repeat)  # type: ignore[attr-defined]
        for mark in (pytest.mark.faults, pytest.mark.timeout(TIMEOUT_S)):
            test = mark(test)
        return test

    return declare


class Stage:
    """Plays the histories of a test run."""

    def __init__(self, broker: Bootstrap, folder: Path) -> None:
        self._broker, self._folder = broker, folder
        self._crowd = ThreadPoolExecutor(CROWD, thread_name_prefix="history")
        self._playing: dict[str, Future[object]] = {}

    def begin(self, items: list[pytest.Item]) -> None:
        """Begin every history among the tests of this run, in their order."""
        for item in items:
            declared = getattr(getattr(item, "obj", None), "history", None)
            if isinstance(declared, History):
                self._playing[item.nodeid] = self._crowd.submit(self._play, declared, _parameters(item))

    def outcome_of(self, item: pytest.Item) -> None:
        """Wait for a test's history; raises what it raised, with the command that repeats it."""
        declared: History = item.obj.history  # type: ignore[attr-defined]
        try:
            said = self._playing[item.nodeid].result(TIMEOUT_S)
        except BaseException as error:
            error.add_note("repeat: " + declared.repeat.format(name=item.name, **_parameters(item)))
            raise
        if said:
            print(said)

    def close(self) -> None:
        """Begin nothing more; wait for what is played."""
        self._crowd.shutdown(wait=True, cancel_futures=True)

    def _play(self, declared: History, given: Mapping[str, Any]) -> object:
        prefix = f"f{uuid.uuid4().hex[:8]}."
        folder = self._folder / prefix
        folder.mkdir()
        with ExitStack() as stack:
            broker = stack.enter_context(_own_broker(folder)) if declared.own_broker else self._broker
            scene = stack.enter_context(Scene(broker, prefix, folder))
            try:
                return declared.play(scene, **given)
            except Exception as error:
                error.add_note(scene.last_words())
                raise


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


@contextmanager
def _own_broker(folder: Path) -> Iterator[Broker]:
    with Broker(folder / "kafka") as broker:
        yield broker
