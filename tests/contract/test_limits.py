"""What bounds a runner and what it shows of that: parked keys, a lost offset, repeats that a flow tolerates."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from common.event import Commit, PartitionId
from common.kafka.embedded import EmbeddedBroker
from common.meters import SinkMeter
from common.metrics import Metrics, samples
from common.reasons import Cause, Reason
from tests.support.poll import eventually
from tests.support.sink_rig import WORKSPACE, Got, SinkRig, rig_flows, workspace_event
from workers.sinks import window
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Outcome, Scope, Unsure
from workers.sinks.commit_map import commit_of, new_nonce
from workers.sinks.progress import Progress

SEND = "- {name: send-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}"
TOLERATED = SEND.replace("consent", "repeat: tolerated, consent")

MakeRig = Callable[..., SinkRig]


@pytest.fixture
def metrics() -> Metrics:
    """What the rig's runners count."""
    return Metrics("test")


@pytest.fixture
def make_rig(embedded: EmbeddedBroker, tmp_path: Path, prefix: str, metrics: Metrics) -> Iterator[MakeRig]:
    """A rig with topics of its own, which counts."""
    with ExitStack() as rigs:

        def make(*flows: str) -> SinkRig:
            rig = rigs.enter_context(closing(SinkRig(embedded.bootstrap, rig_flows(tmp_path, *flows), prefix)))
            rig.meter = SinkMeter(metrics, "braze", "main")
            return rig

        yield make


def gauge(metrics: Metrics, name: str) -> float:
    """What a gauge of the runner shows; -1 before it is fed."""
    return next((value for _, value in samples(metrics.render("")[1].decode(), f"commfleet_{name}")), -1.0)


def test_no_more_keys_are_parked_than_the_bound_allows(
    make_rig: MakeRig, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is over it waits in memory, and no event is read; afterwards everything comes, in order."""
    monkeypatch.setattr(window, "MOST_PARKED", 1)
    rig, is_well = make_rig(), False
    seen_parked: list[float] = []

    def script(_: object, items: list[Got]) -> Outcome:
        return Answered([Delivered() if is_well else Deferred(Reason.THROTTLED) for _ in items])

    rig.sink.script = script  # type: ignore[assignment]
    first = [workspace_event(number, f"c{key}") for number in range(2) for key in range(12)]
    later = [workspace_event(2, f"c{key}") for key in range(12)]
    rig.write(*first)
    with rig.running(window_records=4, patience_s=0.2, backoff_base_s=0.1) as runner:
        partitions = runner._ownership.partitions
        eventually(lambda: any(one.is_crowded for one in partitions.values()), 30)
        rig.write(*later)
        eventually(lambda: sum(rig.sink.requests) > 60, 30)
        seen_parked += [len(one.parked) for one in partitions.values()]
        assert gauge(metrics, "keys_parked") >= 0
        is_well = True
        eventually(lambda: len(rig.sink.got) == 36, 30)
        eventually(lambda: gauge(metrics, "keys_parked") == 0, 10)
        eventually(lambda: rig.committed() == 36, 10)
    assert max(seen_parked) <= 1
    for key in range(12):
        wanted = [workspace_event(number, f"c{key}")["event_id"] for number in range(3)]
        assert [got.event_id for got in rig.sink.got if got.key == f"c{key}"] == wanted


def test_a_lost_offset_holds_its_own_partition(make_rig: MakeRig) -> None:
    """The worker is not ready, says what to do, and goes on with the others."""
    rig = make_rig()
    lost = PartitionId(rig.prefix + WORKSPACE, 0)
    rig._asking.commit_now({lost: Commit(999, commit_of(Progress(999), new_nonce()).metadata)})
    rig.write(*(workspace_event(1, f"c{key}") for key in range(12)))
    with rig.running() as runner:
        eventually(lambda: [hold.cause for hold in runner.status.holds] == [Cause.OFFSET_LOST], 30)
        eventually(lambda: bool(rig.sink.got), 30)
        assert not runner.status.is_ready
        assert "commfleet offsets accept braze --group main" in runner.status.trouble
        assert str(lost) in runner.status.holds[0].detail
    assert {got.key for got in rig.sink.got} < {f"c{key}" for key in range(12)}


def test_a_flow_that_tolerates_repeats_sends_again_what_is_in_doubt(make_rig: MakeRig) -> None:
    """Nothing of it is named or ends as in_doubt, and no route is held; its end has a receipt all the same."""
    rig = make_rig(TOLERATED)
    answers: list[Outcome] = [Answered([Unsure(Reason.TIME_OUT)])]
    rig.sink.script = lambda *_: answers.pop() if answers else None
    rig.write(workspace_event(0, "c1"))
    with rig.running() as runner:
        eventually(lambda: rig.committed() == 1, 30)
        assert runner.status.holds == ()
    assert len(rig.sink.requests) == 2
    assert rig.letters() == []
    assert [receipt["verdict"] for receipt in rig.receipts()] == ["DELIVERED"]


def test_what_a_dead_owner_sent_of_a_tolerated_flow_is_sent_again(make_rig: MakeRig) -> None:
    """Nobody named it, and nobody need look at it."""
    rig = make_rig(TOLERATED)
    rig.write(workspace_event(0, "c1"))
    with rig.crashing():
        eventually(lambda: bool(rig.sink.requests), 30)
    rig.sink.script = lambda *_: None
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert len(rig.sink.got) == 1
    assert rig.letters() == []


def test_a_held_sink_has_no_lag_that_replicas_would_reduce(make_rig: MakeRig, metrics: Metrics) -> None:
    """Its backlog waits for the vendor."""
    rig = make_rig()
    is_well = False
    down = Hold(Cause.VENDOR_DOWN, Scope.SINK, "503")
    rig.sink.script = lambda *_: None if is_well else down
    rig.sink.on_probe = lambda: None if is_well else down
    rig.write(*(workspace_event(0, f"c{key}") for key in range(40)))
    with rig.running():
        eventually(lambda: gauge(metrics, "route_state") == 1, 30)
        eventually(lambda: gauge(metrics, "lag_records") >= 0 and gauge(metrics, "scalable_lag_records") == 0, 30)
        is_well = True
        eventually(lambda: rig.committed() == 40, 30)
