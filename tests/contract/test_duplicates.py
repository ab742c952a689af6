"""Upstream's duplicates, on the embedded broker: once-actions are made once, across restarts and parked keys."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from common.errors import RegistryDownError
from common.event import PartitionId
from common.kafka.embedded import EmbeddedBroker
from common.reasons import Cause, Reason
from tests.support.poll import eventually
from tests.support.sink_rig import Got, SinkRig, rig_flows, workspace_event
from workers.sinks.api import Answered, Deferred, Delivered, Outcome
from workers.sinks.delivery import RecordLike

SEND = "- {name: send-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}"
PUT = "- {name: put-updated, on: comms.workspace.v1, when: {type: [UPDATED]}, do: braze.put, consent: none}"


@pytest.fixture
def rig(embedded: EmbeddedBroker, tmp_path: Path, prefix: str) -> Iterator[SinkRig]:
    """One once-flow, one repeatable flow."""
    with closing(SinkRig(embedded.bootstrap, rig_flows(tmp_path, SEND, PUT), prefix)) as made:
        yield made


def suppressed(rig: SinkRig) -> list[str]:
    """The reasons of what was not made, by its receipts."""
    return [receipt["reason"] for receipt in rig.receipts() if receipt["verdict"] == "SUPPRESSED"]


class Unreadable:
    """A log whose past cannot be read until it is well."""

    def __init__(self) -> None:
        self.is_well = False

    def records(
        self, ends: Mapping[PartitionId, int], window_ms: int, now_ms: int, is_over: Callable[[], bool]
    ) -> Iterator[RecordLike]:
        """Nothing, or a failure."""
        if not self.is_well:
            raise RegistryDownError("no answer")
        return iter(())


def test_a_duplicate_is_suppressed_with_a_receipt(rig: SinkRig) -> None:
    """Also when the worker was started again in between; every offset goes."""
    first = workspace_event(0, "c1")
    rig.write(first, first)
    with rig.running():
        eventually(lambda: rig.committed() == 2, 30)
    rig.write(first, workspace_event(1, "c1"))
    with rig.running():
        eventually(lambda: rig.committed() == 4, 30)
    assert [got.event_id for got in rig.sink.got] == [first["event_id"], workspace_event(1, "c1")["event_id"]]
    assert suppressed(rig) == ["duplicate", "duplicate"]


def test_once_deliveries_wait_for_the_rebuild_and_repeatable_ones_go_on(rig: SinkRig) -> None:
    """A hold says so while it cannot be done."""
    rig.past = past = Unreadable()
    rig.write(workspace_event(0, "c1"), workspace_event(0, "c2", "UPDATED"))
    with rig.running() as runner:
        eventually(lambda: [hold.cause for hold in runner.status.holds] == [Cause.LOG_UNREADABLE], 30)
        eventually(lambda: [got.action for got in rig.sink.got] == ["put"], 30)
        past.is_well = True
        eventually(lambda: rig.committed() == 2, 30)
        eventually(lambda: not runner.status.holds, 30)
    assert [got.action for got in rig.sink.got] == ["put", "send"]


def test_a_duplicate_of_a_parked_delivery_is_suppressed(rig: SinkRig) -> None:
    """The first comes back by the retry topic and is made; it is no duplicate of itself."""
    is_well = False

    def script(_: object, items: list[Got]) -> Outcome:
        return Answered([Delivered() if is_well else Deferred(Reason.THROTTLED) for _ in items])

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(workspace_event(0, "c1"))
    with rig.running(patience_s=0.3, backoff_base_s=0.2):
        eventually(lambda: rig.committed() == 1, 30)
        rig.write(workspace_event(0, "c1"))
        is_well = True
        eventually(lambda: rig.committed() == 2, 30)
        eventually(lambda: len(rig.sink.got) == 1, 30)
    assert suppressed(rig) == ["duplicate"]
    assert rig.letters() == []
