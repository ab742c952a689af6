"""Copies: which once-deliveries are of events that upstream wrote before, also where that is not known yet."""

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from common.codec import Decoder, Encoder, LocalSchemas
from common.event import Headers, PartitionId, Position
from tests.support.clock import ManualClock
from tests.support.poll import eventually
from tests.support.sink_rig import RETRY, WORKSPACE, rig_flows, workspace_event
from topics.catalogue import topics
from workers.sinks.copies import Copies
from workers.sinks.delivery import Copy, Delivery, RecordLike
from workers.sinks.duplicates import Duplicates, DuplicateWindow
from workers.sinks.gate import Gate, Pulse
from workers.sinks.planner import Planner
from workers.sinks.progress import NOTHING
from workers.sinks.recent import EventIds, Recent
from workers.sinks.window import Limits, Partition, Window

SEND = "- {name: send, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}"
PUT = "- {name: put, on: comms.workspace.v1, when: {type: [CREATED, UPDATED]}, do: braze.put, consent: none}"
CLOCK = ManualClock()
NOW = int(CLOCK.now().timestamp() * 1000)


@dataclass
class Stored:
    """A record as it stands in the log."""

    offset: int
    event: Mapping[str, Any]
    topic: str = WORKSPACE
    headers: Headers = ()
    partition: int = 0
    timestamp_ms: int = NOW
    key: bytes | None = None
    value: bytes | None = None

    def __post_init__(self) -> None:
        """Key and bytes as the topic prescribes them."""
        self.key = topics()[WORKSPACE].key_of(self.event)
        self.value = Encoder(LocalSchemas()).encode(WORKSPACE, dict(self.event))

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.topic, self.partition, self.offset)


class Log:
    """What stands before the start; read when the test says so."""

    def __init__(self) -> None:
        self.past: list[RecordLike] = []
        self.is_open = True

    def records(
        self, ends: Mapping[PartitionId, int], window_ms: int, now_ms: int, is_over: Callable[[], bool]
    ) -> Iterator[RecordLike]:
        """All of it, as soon as it is open."""
        eventually(lambda: self.is_open or is_over())
        return iter(self.past)


class Bench:
    """Copies with a planner before them, and a partition that starts at offset 10."""

    def __init__(self, folder: Path, *flows: str) -> None:
        compiled = rig_flows(folder, *flows)
        self.planner = Planner("g", Decoder(LocalSchemas()), compiled, topics(), "", RETRY)
        self.log, self.duplicates = Log(), Duplicates(DuplicateWindow(), CLOCK)
        once = {flow.topic for flow in compiled if flow.action.repeat == "once"}
        ids = EventIds(Decoder(LocalSchemas()), "")
        recent = Recent(self.log, ids, once, DuplicateWindow(), CLOCK, random.Random(1))
        self.copies = Copies(self.duplicates, recent, ids, once, RETRY)
        partition = Partition(0, Gate("0", CLOCK, Pulse(CLOCK), 1.0))
        limits = Limits(100, 100_000)
        self.window = Window(PartitionId(WORKSPACE, 0), partition, 10, NOTHING, limits, lambda _: True)

    def own(self) -> None:
        """The partition is ours, and all of its past is known."""
        self.copies.gained([self.window])
        self.rebuilt()

    def rebuilt(self) -> list[Delivery]:
        """Wait for the rebuild; what waited for it."""
        freed: list[Delivery] = []

        def is_over() -> bool:
            freed.extend(self.copies.released())
            return not self.copies.is_rebuilding

        eventually(is_over)
        return freed

    def read(self, offset: int, event: Mapping[str, Any], **more: Any) -> dict[str, Delivery]:
        """The deliveries of a record, by flow."""
        record = Stored(offset, event, **more)
        plan = self.planner.plan(record, self.window)
        assert isinstance(plan, Collection)
        self.copies.read(record, list(plan))
        return {delivery.flow.name: delivery for delivery in plan}

    def parked(self, delivery: Delivery, letter: str = "") -> dict[str, Delivery]:
        """The same delivery, read back from the retry topic."""
        origin = replace(delivery.origin("g"), letter=letter)
        headers = tuple(origin.parked("deferred", None).written("retry."))
        return self.read(3, delivery.event.value, topic=RETRY, headers=headers)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """One once-flow and one repeatable flow on the same events."""
    made = Bench(tmp_path, SEND, PUT)
    made.copies.start()
    yield made
    made.copies.close()


def test_an_event_that_upstream_writes_again_is_a_copy_for_once_flows_only(bench: Bench) -> None:
    """The first keeps its delivery; a repeatable action is made for both."""
    bench.own()
    first, second = bench.read(10, workspace_event(1)), bench.read(11, workspace_event(1))
    assert (first["send"].copy, first["put"].copy) == (Copy.NO, Copy.NO)
    assert (second["send"].copy, second["put"].copy) == (Copy.YES, Copy.NO)


def test_an_event_without_a_once_flow_is_not_remembered(bench: Bench) -> None:
    """It costs no memory."""
    bench.own()
    bench.read(10, workspace_event(1, type_="UPDATED"))
    assert len(bench.copies) == 0


def test_a_group_without_once_flows_remembers_nothing(tmp_path: Path) -> None:
    """And has nothing to rebuild."""
    bench = Bench(tmp_path, PUT)
    bench.copies.gained([bench.window])
    assert not bench.copies.is_rebuilding
    bench.read(10, workspace_event(1))
    bench.copies.passed(Stored(11, workspace_event(2)))
    assert len(bench.copies) == 0


def test_what_is_done_already_may_have_copies(bench: Bench) -> None:
    """A former owner's map says that a record is done: it is not planned, and still is the first of its id."""
    bench.own()
    bench.copies.passed(Stored(10, workspace_event(1)))
    assert bench.read(11, workspace_event(1))["send"].copy is Copy.YES


def test_a_head_waits_until_its_partitions_past_is_known(bench: Bench) -> None:
    """Then it is asked about again: what was written before the start counts."""
    bench.log.is_open = False
    bench.log.past = [Stored(4, workspace_event(1))]
    bench.copies.gained([bench.window])
    copy, other = bench.read(10, workspace_event(1))["send"], bench.read(11, workspace_event(2))["send"]
    assert [bench.copies.judge(one) for one in (copy, other)] == [Copy.UNKNOWN, Copy.UNKNOWN]
    bench.log.is_open = True
    assert bench.rebuilt() == [copy, other]
    assert [bench.copies.judge(one) for one in (copy, other)] == [Copy.YES, Copy.NO]


def test_a_copy_of_what_was_read_just_now_need_not_wait(bench: Bench) -> None:
    """Whatever stands before the start, it is no first."""
    bench.log.is_open = False
    bench.copies.gained([bench.window])
    bench.read(10, workspace_event(1))
    assert bench.read(11, workspace_event(1))["send"].copy is Copy.YES
    bench.log.is_open = True


def test_a_delivery_that_was_parked_is_no_copy_of_itself(bench: Bench) -> None:
    """It has its origin's position, wherever the retry record stands."""
    bench.own()
    first = bench.read(10, workspace_event(1))["send"]
    assert bench.parked(first)["send"].copy is Copy.NO


def test_a_copy_that_was_parked_before_anybody_could_tell_still_is_one(bench: Bench) -> None:
    """Read back, it is asked about with the position at which upstream wrote it."""
    bench.own()
    bench.read(10, workspace_event(1))
    copy = bench.read(11, workspace_event(1))["send"]
    assert bench.parked(copy)["send"].copy is Copy.YES


def test_a_redriven_letter_is_never_a_copy(bench: Bench) -> None:
    """A person said so."""
    bench.own()
    bench.read(10, workspace_event(1))
    copy = bench.read(11, workspace_event(1))["send"]
    assert bench.parked(copy, letter="0:7")["send"].copy is Copy.NO


def test_partitions_that_are_gone_are_forgotten(bench: Bench) -> None:
    """With what waited there; one that comes back is rebuilt anew."""
    bench.log.is_open = False
    bench.copies.gained([bench.window])
    bench.copies.judge(bench.read(10, workspace_event(1))["send"])
    bench.copies.forget(kept=[])
    assert len(bench.copies) == 0
    assert not bench.copies.is_rebuilding
    bench.log.is_open = True
    bench.copies.gained([bench.window])
    assert bench.rebuilt() == []


def test_what_the_rebuild_found_stands_before_what_is_read(bench: Bench) -> None:
    """An event of before the start, written again after it."""
    bench.log.past = [Stored(9, workspace_event(1))]
    bench.own()
    assert bench.read(10, workspace_event(1))["send"].copy is Copy.YES
    assert bench.read(11, workspace_event(2))["send"].copy is Copy.NO
