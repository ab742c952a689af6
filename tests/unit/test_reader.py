"""How the reader goes on, stands still and pauses, with records and deliveries as plain as can be."""

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from common.event import PartitionId
from tests.support.clock import ManualClock
from workers.sinks.entrance import Entrance
from workers.sinks.gate import Gate, Pulse
from workers.sinks.meter import NoMeter
from workers.sinks.progress import NOTHING
from workers.sinks.reader import Reader
from workers.sinks.window import PAGE_RECORDS, Limits, Partition, Window

TOPIC = "t"


@dataclass
class Pages:
    """Partitions with records without end, taken in turns of ten as a fetch brings them."""

    numbers: deque[int] = field(default_factory=lambda: deque([0, 1]))
    ends: dict[int, int] = field(default_factory=dict)
    paused: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)
    gathered: list[bool] = field(default_factory=list)

    def read(self, at_most: int, timeout_s: float, *, gathers: bool = False) -> list[Any]:
        """At most ten of the next partition that is not paused."""
        self.asked.append(at_most)
        self.gathered.append(gathers)
        open_ = [number for number in self.numbers if number not in self.paused]
        if not open_:
            return []
        first = self.ends.get(open_[0], 0)
        count = min(10, at_most)
        self.ends[open_[0]] = first + count
        return [
            SimpleNamespace(topic=TOPIC, partition=open_[0], offset=first + n, value=b"v", timestamp_ms=0)
            for n in range(count)
        ]

    def pause(self, partition: PartitionId) -> None:
        """Nothing more of it."""
        self.paused.add(partition.partition)

    def resume(self, partition: PartitionId) -> None:
        """Again."""
        self.paused.discard(partition.partition)

    def seek(self, partition: PartitionId, offset: int) -> None:
        """Never asked here."""


@dataclass
class Scene:
    """A reader of two partitions."""

    in_hand: int
    window: int
    has_flows: bool = True
    clock: ManualClock = field(default_factory=ManualClock)
    pages: Pages = field(default_factory=Pages)

    def __post_init__(self) -> None:
        self.windows = {
            (id_ := PartitionId(TOPIC, number)): Window(
                id_,
                Partition(number, Gate(str(number), self.clock, Pulse(self.clock), 20.0)),
                0,
                NOTHING,
                Limits(self.window, 10**6),
                lambda _: True,
            )
            for number in (0, 1)
        }
        planner = SimpleNamespace(
            is_used=lambda _: self.has_flows, has_flows=self.has_flows, retry_topic="r", plan=self._plan
        )
        copies, nobody = cast(Any, SimpleNamespace(passed=lambda _: None, read=lambda *_: None)), cast(Any, None)
        self.reader = Reader(
            self.pages,
            cast(Any, planner),
            copies,
            lambda: self.windows,
            Entrance(cast(Any, planner), copies, nobody, nobody, "g"),
            "g",
            self.in_hand,
            self.clock,
            NoMeter(),
        )

    @staticmethod
    def _plan(record: Any, window: Window) -> list[Any]:
        return [SimpleNamespace(size=1, lane=record.offset)]

    def turn(self) -> int:
        """One turn of the runner: how many deliveries it got."""
        return len(list(self.reader.deliveries(0.0)))

    def settle(self, number: int) -> None:
        """Everything of one partition is done."""
        progress = self.windows[PartitionId(TOPIC, number)].progress
        for offset in list(progress._open):
            progress.resolve(offset, 0)


def test_a_full_window_does_not_starve_the_other_partitions() -> None:
    """With little in hand it is paused at once, and the next page is of the other one."""
    scene = Scene(in_hand=1000, window=10)
    scene.turn()

    scene.turn()

    assert scene.pages.paused == {0}
    assert scene.pages.ends == {0: 10, 1: 10}


def test_a_full_window_is_waited_for_while_there_is_enough_to_do() -> None:
    """A pause throws away what was fetched: only after a second."""
    scene = Scene(in_hand=15, window=10)
    scene.turn()
    scene.turn()

    assert scene.pages.paused == set()
    assert scene.reader.is_waiting
    scene.clock.advance(1.1)
    scene.turn()
    assert scene.pages.paused == {0}


def test_the_client_is_asked_while_reading_stands_still() -> None:
    """One record at a time, so that the ends of commits are heard; not more than a page of them."""
    scene = Scene(in_hand=10, window=10**6)
    scene.turn()

    got = [scene.turn() for _ in range(PAGE_RECORDS + 50)]

    assert sum(got) == PAGE_RECORDS
    assert set(scene.pages.asked[1:]) == {1}


def test_a_page_is_read_again_once_there_is_room() -> None:
    """And the next standstill may read one by one anew."""
    scene = Scene(in_hand=10, window=10**6)
    for _ in range(PAGE_RECORDS + 50):
        scene.turn()
    scene.settle(0)

    scene.turn()

    assert scene.pages.asked[-1] == PAGE_RECORDS


@pytest.mark.parametrize("turns", [10, 400])
def test_what_is_in_hand_is_bounded(turns: int) -> None:
    """However often the runner turns: the bound, a page, and a page one by one; then everything is paused."""
    scene = Scene(in_hand=100, window=10**6)

    for _ in range(turns):
        scene.turn()

    assert sum(window.progress.open_records for window in scene.windows.values()) <= 100 + 2 * PAGE_RECORDS


@pytest.mark.parametrize("has_flows", [True, False])
def test_only_a_group_without_flows_gathers_pages(has_flows: bool) -> None:
    """The first of few records is wanted at once, unless every one is passed unread."""
    scene = Scene(in_hand=1000, window=1000, has_flows=has_flows)

    got = scene.turn()

    assert scene.pages.gathered == [not has_flows]
    assert got == (10 if has_flows else 0)
    assert scene.windows[PartitionId(TOPIC, 0)].progress.position == 10
