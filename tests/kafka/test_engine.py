"""Takeovers on a real broker: what the embedded one cannot do (commits in a revocation, offsets in a transaction)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from common.errors import FatalError
from common.kafka.admin import TopicAdmin
from tests.support.fixtures import Kafka
from tests.support.poll import eventually
from tests.support.sink_rig import SinkRig, rig_flows, workspace_event
from topics.catalogue import topics
from topics.plan import CreateTopic

SEND = "- {name: send-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}"

MakeRig = Callable[..., SinkRig]


@pytest.fixture
def make_rig(kafka: Kafka, tmp_path: Path, prefix: str) -> Iterator[MakeRig]:
    """A rig with topics of its own."""
    steps = [CreateTopic(prefix + name, 4, 1, {}) for name in topics()]
    TopicAdmin({"bootstrap.servers": kafka.bootstrap}).apply(steps, lambda _: None)
    with ExitStack() as rigs:

        def make(*flows: str) -> SinkRig:
            return rigs.enter_context(closing(SinkRig(kafka.bootstrap, rig_flows(tmp_path, *flows), prefix)))

        yield make


def test_a_second_member_joins_and_nothing_is_in_doubt_or_twice(make_rig: MakeRig) -> None:
    """An eager rebalance revokes everything: what nobody else had is kept, with its requests."""
    rig = make_rig(SEND)
    rig.write(*(workspace_event(n, f"c{n % 40}") for n in range(400)))
    with rig.running(linger_s=0.0) as first:
        eventually(lambda: len(rig.sink.got) > 40, 30)
        with rig.running(linger_s=0.0) as second:
            eventually(lambda: second.status.partitions > 0 and first.status.partitions > 0, 40)
            rig.write(*(workspace_event(n, f"c{n % 40}") for n in range(400, 500)))
            eventually(lambda: rig.committed() == 500, 60)
    assert rig.letters() == []
    got = [item.event_id for item in rig.sink.got]
    assert len(got) == len(set(got)) == 500


def test_a_commit_of_another_tool_stops_the_start(make_rig: MakeRig) -> None:
    """Somebody reset the offsets: nothing is sent before somebody looked."""
    rig = make_rig()
    rig.write(workspace_event(0, "c1"))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    rig.reset_offsets(0)
    with pytest.raises(FatalError, match="commfleet offsets accept"), rig.running():
        eventually(lambda: rig.has_ended, 30)
    assert len(rig.sink.got) == 1
