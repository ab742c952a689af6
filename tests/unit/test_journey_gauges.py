"""What a journey worker shows of itself, and when it asks how fresh it is."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import BrokerDownError
from common.event import PartitionId
from common.meters import JourneyMeter
from common.metrics import Metrics, samples
from common.store.partitions import Holding
from tests.support.clock import ManualClock
from tests.support.store import START_US
from workers.journeys.asking import Asking
from workers.journeys.gauges import Gauges
from workers.journeys.lot import Lot

TOPIC = "comms.profile.v1"
SECOND_US = 1_000_000


class FakeEnds:
    """A broker whose topics end somewhere, or that is away."""

    def __init__(self) -> None:
        self.end: int | None = 5
        self.asked: list[list[PartitionId]] = []

    def ask(self, partitions: Iterable[PartitionId]) -> Mapping[PartitionId, int]:
        """The same end for all."""
        self.asked.append(sorted(partitions))
        if self.end is None:
            raise BrokerDownError("nobody there")
        return dict.fromkeys(self.asked[-1], self.end)


class Rig:
    """Lots, and what is told of them."""

    def __init__(self) -> None:
        self.clock, self.metrics, self.ends = ManualClock(), Metrics("1"), FakeEnds()
        self.lots: dict[int, Lot] = {}
        self.gauges = Gauges(JourneyMeter(self.metrics), "eu.", self.clock)
        self.asking = Asking(self.ends, "eu.", 5.0, self.clock)

    def lot(self, number: int, applied: int, **fields: Any) -> Lot:
        """A lot that has applied so much of its topic, which ends at 5."""
        lot = Lot(Holding(number, 1, {TOPIC: applied}, START_US), [], START_US, **fields)
        lot.freshness.asked(START_US, {TOPIC: 5})
        self.lots[number] = lot
        return lot

    def show(self) -> None:
        """A second passes, and everything is shown."""
        self.clock.advance(1)
        self.gauges.show(self.lots, self.clock.monotonic())

    def ask(self, *hurried: int) -> None:
        """What the worker does in a turn."""
        partitions = [PartitionId(f"eu.{TOPIC}", number) for number in self.lots]
        self.asking.turn(self.lots, partitions, hurried, self.clock.monotonic())

    def value(self, name: str, **labels: str) -> float | None:
        """A gauge as Prometheus would read it."""
        text = self.metrics.render("")[1].decode()
        found = [value for has, value in samples(text, f"commfleet_{name}") if labels.items() <= has.items()]
        return found[0] if found else None


@pytest.fixture
def rig() -> Rig:
    """Without lots."""
    return Rig()


def test_lag_is_what_is_not_applied(rig: Rig) -> None:
    """By topic as the broker calls it; one that was given away is not ours to tell."""
    rig.lot(0, 2)
    rig.lot(1, 5)
    rig.show()
    assert rig.value("lag_records", sink="journeys", topic=f"eu.{TOPIC}", partition="0") == 3
    assert rig.value("lag_records", sink="journeys", topic=f"eu.{TOPIC}", partition="1") == 0

    del rig.lots[0]
    rig.show()

    assert rig.value("lag_records", partition="0") is None


def test_the_oldest_event_is_that_in_hand(rig: Rig) -> None:
    """A lot that has applied everything has none."""
    rig.lot(1, 5, read_ms=1)
    record: Any = SimpleNamespace(timestamp_ms=START_US // 1000 - 30_000)
    rig.lot(0, 2).unapplied.append(record)

    rig.show()

    assert rig.value("lag_seconds", sink="journeys") == 31


def test_behind_without_a_record_in_hand_it_is_younger_than_the_last(rig: Rig) -> None:
    """The rest of the log has not been read yet."""
    rig.lot(0, 2, read_ms=START_US // 1000 - 10_000)

    rig.show()

    assert rig.value("lag_seconds", sink="journeys") == 11


def test_freshness_is_that_of_the_partition_that_is_last(rig: Rig) -> None:
    """One that was never fresh counts from its take-over."""
    rig.lot(0, 5)
    rig.lot(1, 5).holding = Holding(1, 1, {TOPIC: 5}, START_US + SECOND_US)
    rig.clock.advance(9)

    rig.show()

    assert rig.value("journey_fresh_seconds") == 10


def test_a_trouble_is_a_hold_until_it_is_over(rig: Rig) -> None:
    """As a sink's route, so that its alerts are about journeys, too."""
    rig.lot(0, 5, trouble="away", cause="store_down")
    rig.show()
    before = rig.value("route_state", sink="journeys", cause="store_down")
    rig.lots[0].trouble = ""
    rig.show()

    assert (before, rig.value("route_state", sink="journeys", cause="store_down")) == (1, 0)


def test_ends_are_asked_every_few_seconds(rig: Rig) -> None:
    """In one request for all lots that are due, and not while an earlier question waits for its answer."""
    for number in (0, 1):
        rig.lot(number, 5).freshness.reached({TOPIC: 5})
    rig.ask()
    rig.clock.advance(6)
    rig.lots[0].freshness.reached({TOPIC: 5})
    rig.ask()

    assert [[one.partition for one in asked] for asked in rig.ends.asked] == [[0, 1], [0]]


def test_a_due_timer_hurries_the_question(rig: Rig) -> None:
    """Of its own lot only."""
    for number in (0, 1):
        rig.lot(number, 5).freshness.reached({TOPIC: 5})
    rig.ask()
    for lot in rig.lots.values():
        lot.freshness.reached({TOPIC: 5})
    rig.clock.advance(0.5)
    rig.ask(1)

    assert [[one.partition for one in asked] for asked in rig.ends.asked] == [[0, 1], [1]]


def test_a_broker_that_is_away_is_asked_again(rig: Rig) -> None:
    """Nothing is fresh meanwhile."""
    lot = rig.lot(0, 5)
    lot.freshness.reached({TOPIC: 5})
    rig.ends.end = None
    rig.ask()
    fresh_at = lot.freshness.reached({TOPIC: 5})
    rig.clock.advance(6)
    rig.ends.end = 5
    rig.ask()

    assert (fresh_at, lot.freshness.reached({TOPIC: 5})) == (0, START_US + 6 * SECOND_US)
