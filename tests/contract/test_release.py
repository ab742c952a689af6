"""An operator ends a hold of a running sink: by the runner's own thread, by the name that health shows."""

from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from common.health import Health
from common.kafka.embedded import EmbeddedBroker
from common.reasons import Cause
from tests.support.clock import ManualClock
from tests.support.poll import eventually
from tests.support.sink_rig import SinkRig, rig_flows, workspace_event
from workers.bootstrap.sink import _watch
from workers.bootstrap.worker import Worker
from workers.sinks.api import Hold, Scope
from workers.sinks.runner import Runner
from workers.sinks.status import Status


def test_a_released_route_sends_at_once(embedded: EmbeddedBroker, tmp_path: Path, prefix: str) -> None:
    """The vendor had asked for an hour of patience; a second release finds nothing."""
    with closing(SinkRig(embedded.bootstrap, rig_flows(tmp_path), prefix)) as rig:
        rig.sink.script = lambda *_: Hold(Cause.THROTTLED, Scope.SINK, "in an hour", 3600.0)
        rig.write(workspace_event(1))
        with rig.running() as runner:
            eventually(lambda: len(runner.status.holds) == 1, 30)
            rig.sink.script = lambda *_: None

            assert runner.release("").result(10) is True
            eventually(lambda: len(rig.sink.got) == 1, 30)
            assert runner.release("").result(10) is False
            eventually(lambda: runner.status.holds == (), 10)


def test_a_route_is_named_as_health_shows_it() -> None:
    """`sink.group` is the whole sink's, `sink.group.action` an action's; other groups are not asked."""
    asked: list[str] = []

    def release(route: str) -> Future[bool]:
        asked.append(route)
        answer: Future[bool] = Future()
        answer.set_result(route == "put")
        return answer

    health = Health()
    worker = SimpleNamespace(health=health, clock=ManualClock())
    _watch(cast(Worker, worker), "braze.main", cast(Runner, SimpleNamespace(status=Status(), release=release)))

    names = ["braze.main", "braze.main.put", "braze.mainly", "braze.consent", "braze"]
    released = [health.release(name) for name in names]

    assert released == [False, True, False, False, False]
    assert asked == ["", "put"]
