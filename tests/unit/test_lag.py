"""Lag: records, and what of them more replicas would settle sooner."""

from collections.abc import Mapping

import pytest

from common.event import PartitionId
from common.reasons import Cause
from tests.support.clock import ManualClock
from workers.sinks.gate import Gate, Pulse
from workers.sinks.lag import Lag, Stuck
from workers.sinks.meter import NoMeter
from workers.sinks.progress import NOTHING
from workers.sinks.window import Limits, Partition, Window

EVENTS, RETRY = "comms.workspace.v1", "comms.retry.braze.main.v1"


class Told(NoMeter):
    """What a lag told last."""

    def __init__(self) -> None:
        self.lags: dict[str, int] = {}
        self.waiting = -1

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Records of a partition."""
        self.lags[topic] = records

    def scalable(self, records: int) -> None:
        """What more replicas would settle sooner."""
        self.waiting = records


class Bench:
    """A partition number with an event topic of 100 records, 10 of them read, 4 settled; 5 records are parked."""

    def __init__(self) -> None:
        self.clock, self.told = ManualClock(), Told()
        self.partition = Partition(0, Gate("0", self.clock, Pulse(self.clock), 1.0))
        self.events, self.retry = self._window(EVENTS), self._window(RETRY)
        for offset in range(10):
            self.events.progress.track(offset, 0 if offset < 4 else 1)
        self.ends: Mapping[str, int] = {EVENTS: 100, RETRY: 5}

    def _window(self, topic: str) -> Window:
        return Window(PartitionId(topic, 0), self.partition, 0, NOTHING, Limits(8, 1_000), lambda _: True)

    def report(self, stuck: Stuck | None = None) -> int:
        """What more replicas would settle sooner."""
        lag = Lag(lambda id_: self.ends[id_.topic], RETRY, self.clock, self.told)
        lag.report([self.events, self.retry], lambda: stuck or Stuck())
        return self.told.waiting


def test_unread_and_unsettled_events_count_and_parked_ones_do_not() -> None:
    """The lag itself tells both."""
    bench = Bench()
    assert bench.report() == 90 + 6
    assert bench.told.lags == {EVENTS: 96, RETRY: 5}


def test_what_waits_for_a_time_or_a_held_action_does_not_count() -> None:
    """Nor what stands behind it; never below nothing."""
    assert Bench().report(Stuck(deliveries=4)) == 90 + 2
    assert Bench().report(Stuck(deliveries=40)) == 90


def test_nothing_counts_while_everything_stands() -> None:
    """A held sink, or a budget that is used up: another replica would wait beside us."""
    assert Bench().report(Stuck(is_all=True)) == 0


@pytest.mark.parametrize("why", ["held", "crowded"])
def test_a_partition_that_is_not_read_has_only_what_was_read(why: str) -> None:
    """Its unread records wait for a hold to end, or for parked keys."""
    bench = Bench()
    if why == "held":
        bench.events.hold = Cause.READER_TOO_OLD
    bench.partition.is_crowded = why == "crowded"
    assert bench.report() == 6


def test_a_window_that_a_held_action_has_filled_counts_no_unread_records() -> None:
    """Without the hold it is only full, and a replica would help."""
    bench = Bench()
    for offset in range(10, 16):
        bench.events.progress.track(offset, 1)
    assert bench.events.is_full
    assert bench.report(Stuck(has_holds=True, deliveries=12)) == 0
    assert bench.report() == 84 + 12


def test_a_partition_is_crowded_until_a_tenth_of_the_room_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pausing throws away what was fetched: it should not come and go with each key."""
    monkeypatch.setattr("workers.sinks.window.MOST_PARKED", 20)
    partition = Bench().partition
    crowded = []
    for parked in (19, 20, 19, 18, 17, 19, 20):
        partition.parked.clear()
        partition.parked.update(range(parked))
        partition.count_parked()
        crowded.append(partition.is_crowded)
    assert crowded == [False, True, True, True, False, False, True]
