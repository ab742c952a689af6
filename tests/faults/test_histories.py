"""Fault histories on a real Kafka: whatever breaks, nothing is lost and no customer's events change places."""

from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.faults.events import History
from tests.faults.scene import Scene, set_scene, verify
from tests.faults.vendor import Vendor
from tests.support.broker import Broker
from tests.support.poll import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def scene(own_kafka: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Kafka with its topics and a vendor that takes its time, so that work is always in flight."""
    with Vendor(delay_s=0.02) as vendor:
        made = set_scene(own_kafka, vendor, History(seed=sum(map(ord, request.node.name))), tmp_path)
        with closing(made.upstream):
            yield made


def test_a_sink_killed_in_the_middle(scene: Scene) -> None:
    """kill -9 while requests are running; its successor takes up what was not settled."""
    scene.upstream.submit(scene.marks)
    with scene.sink() as sink:
        sink.wait_ready()
        scene.wait_received(len(scene.marks) // 4)
        sink.kill()
        sink.start().wait_ready()
        scene.upstream.finish()
        scene.wait_quiet()

    print(verify(scene))


def test_a_broker_stopped_and_started(scene: Scene) -> None:
    """The sink and the upstream producer outlive the outage; nobody restarts them."""
    half = len(scene.marks) // 2
    scene.upstream.submit(scene.marks[:half])
    with scene.sink() as sink:
        sink.wait_ready()
        scene.wait_received(half // 2)
        scene.broker.stop()
        scene.upstream.submit(scene.marks[half:])
        scene.broker.start()
        scene.upstream.finish()
        scene.wait_quiet()

    print(verify(scene))


def test_a_vendor_down_for_a_while(scene: Scene) -> None:
    """503 holds the route: the backlog stays in Kafka, no dead letter is written, order survives."""
    scene.upstream.submit(scene.marks)
    with scene.sink() as sink:
        sink.wait_ready()
        scene.wait_received(len(scene.marks) // 4)
        scene.vendor.fail(HTTPStatus.SERVICE_UNAVAILABLE)
        eventually(lambda: scene.vendor.refused("GET") >= 1, 60, what="the sink asks whether the vendor is well")
        scene.vendor.recover()
        scene.upstream.finish()
        scene.wait_quiet()

    print(verify(scene))
    assert scene.dead() == []
