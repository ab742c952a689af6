"""A runner within a vendor's budget, on the embedded broker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from common.kafka.embedded import EmbeddedBroker
from common.meters import SinkMeter
from common.metrics import Metrics, samples
from common.reasons import Cause
from tests.support.poll import eventually
from tests.support.sink_rig import Got, SinkRig, rig_flows, workspace_event
from workers.sinks.api import Answered, Batch, Count, Delivered, Limit, Outcome, WindowKind
from workers.sinks.slices import Slice

PUT = "- {name: put-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.put, consent: none}"
NOTE = "- {name: note-updated, on: comms.workspace.v1, when: {type: [UPDATED]}, do: braze.note, consent: none}"
HOUR = Limit(600, 3600.0, WindowKind.ALIGNED, is_counted=True)

MakeRig = Callable[..., SinkRig]


@pytest.fixture
def make_rig(embedded: EmbeddedBroker, tmp_path: Path, prefix: str) -> Iterator[MakeRig]:
    """A rig with topics of its own."""
    with ExitStack() as rigs:

        def make(*flows: str) -> SinkRig:
            return rigs.enter_context(closing(SinkRig(embedded.bootstrap, rig_flows(tmp_path, *flows), prefix)))

        yield make


def created(count: int) -> list[dict[str, object]]:
    """Events of as many customers."""
    return [workspace_event(0, f"c{number}") for number in range(count)]


def test_what_makes_no_request_needs_no_budget(make_rig: MakeRig) -> None:
    """The windows are used up for an hour: alerts are raised all the same, and nothing else goes."""
    rig = make_rig(PUT, NOTE)
    rig.slice = Slice({Limit(4, 3600.0): 4})
    rig.write(*created(5), *(workspace_event(1, f"n{number}", "UPDATED") for number in range(30)))
    with rig.running():
        eventually(lambda: len(rig.sink.got) >= 30, 30)
    assert {item.action for item in rig.sink.got} == {"note"}


def test_no_more_requests_run_at_once_than_the_slots(make_rig: MakeRig) -> None:
    """Two slots and four threads: two requests wait for the vendor, and no third joins them."""
    rig, answers, lock = make_rig(PUT), threading.Event(), threading.Lock()
    running, most = 0, 0

    def script(_: Batch, items: list[Got]) -> Outcome:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        answers.wait(10)
        with lock:
            running -= 1
        rig.sink.got.extend(items)
        return Answered([Delivered()] * len(items))

    rig.sink.script, rig.slice = script, Slice(slots=2)  # type: ignore[assignment]
    rig.write(*created(60))
    with rig.running():
        eventually(lambda: running == 2, 30)
        answers.set()
        eventually(lambda: rig.committed() == 60, 30)
    assert most == 2


def test_the_vendor_s_count_is_asked_before_anything_is_sent(make_rig: MakeRig) -> None:
    """And paid for, of everything but the quota that it is about."""
    rig = make_rig(PUT)
    seen: list[int] = []

    def counted(spend: Callable[[], None]) -> Count:
        spend()
        seen.append(len(rig.sink.requests))
        return Count(0)

    rig.sink.on_counted, rig.slice = counted, Slice({Limit(100, 1.0): 100}, counted=HOUR)
    rig.write(*created(30))
    with rig.running():
        eventually(lambda: rig.committed() == 30, 30)
    assert seen[0] == 0


def test_a_quota_that_is_used_up_is_held_before_the_vendor_refuses(make_rig: MakeRig) -> None:
    """A restart at noon has no fresh day: nothing is sent, and operators see why."""
    rig = make_rig(PUT)
    rig.sink.on_counted, rig.slice = lambda _: Count(600), Slice(counted=HOUR)
    rig.write(*created(3))
    with rig.running() as runner:
        eventually(lambda: [hold.cause for hold in runner.status.holds] == [Cause.QUOTA], 30)
    assert rig.sink.requests == []


def test_the_budget_s_figures_are_told(make_rig: MakeRig) -> None:
    """What the windows allow now, and how long requests waited for them."""
    rig, metrics = make_rig(PUT), Metrics("0")
    rig.slice, rig.meter = Slice({Limit(4, 1.0): 4}), SinkMeter(metrics, "braze", "main")
    rig.write(*created(120))
    with rig.running():
        eventually(lambda: rig.committed() == 120, 30)
        eventually(lambda: _read(metrics, "budget_tokens") == 4, 10)
    assert _read(metrics, "budget_wait_seconds_count") >= 2
    assert _read(metrics, "budget_wait_seconds_sum") > 1


def _read(metrics: Metrics, name: str) -> float:
    text = metrics.render("")[1].decode()
    return sum(value for labels, value in samples(text, f"commfleet_{name}") if labels["group"] == "main")
