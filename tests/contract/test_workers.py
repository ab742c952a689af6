"""Workers as processes: what they say when they cannot work, and how they stop."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.poll import eventually
from tests.support.ports import free_ports
from workers.demo.process import Process

Start = Callable[..., tuple[Process, str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a worker with these settings; it and the base URL of its health port."""
    with ExitStack() as stack:

        def begin(*arguments: str, **settings: Any) -> tuple[Process, str]:
            (port,) = free_ports(1)
            file = tmp_path / "commfleet.yaml"
            file.write_text(json.dumps({"health": {"host": "127.0.0.1", "port": port}, **settings}))
            process = Process("worker", ("--config", str(file), *arguments), tmp_path)
            stack.callback(process.stop)
            return process, f"http://127.0.0.1:{port}"

        yield begin


def asked(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return None


def braze(**more: Any) -> dict[str, Any]:
    own = {"base_url": "http://127.0.0.1:9", "api_key": "key", "start_from": "end"}
    return {"sinks": {"braze": own | more}, "flows": {"defaults": False}}


def test_a_broker_that_is_away_is_named_and_waited_for(start: Start) -> None:
    """Not ready, alive, the address in /readyz and in the log; SIGTERM still ends it calmly."""
    (away,) = free_ports(1)
    process, health = start("run", "sink", "braze", kafka={"bootstrap.servers": f"127.0.0.1:{away}"}, **braze())

    def ready() -> httpx.Response | None:
        answer = asked(f"{health}/readyz")
        return answer if answer and f"127.0.0.1:{away}" in answer.text else None

    answer = eventually(ready, 30)
    assert answer is not None
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    live = asked(f"{health}/livez")
    assert live is not None
    assert live.status_code == HTTPStatus.OK
    assert f"127.0.0.1:{away}" in process.last_words()
    process.stop()
    assert process.exit_code == 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sinks": {}}, "sinks.braze"),
        ({"sinks": {"braze": {"base_url": "http://127.0.0.1:9"}}}, "COMMFLEET_SINKS__BRAZE__API_KEY_FILE"),
        ({**braze(), "kafak": {}}, "kafka"),
        ({**braze(start_from=None), "flows": {"files": ["flow.yaml"], "defaults": False}}, "start_from"),
        ({**braze(), "flows": {"files": ["campaign.yaml"], "defaults": False}}, "sinks.braze.campaigns"),
    ],
    ids=["no-section", "missing-secret", "unknown-setting", "no-start", "unknown-campaign"],
)
def test_what_cannot_work_is_said_at_once(start: Start, tmp_path: Path, settings: Any, says: str) -> None:
    """Exit 1 and one message that names the setting; nothing is consumed."""
    (tmp_path / "flow.yaml").write_text(
        "- {name: f, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.track_event, with: {name: n}}"
    )
    (tmp_path / "campaign.yaml").write_text(
        "- {name: f, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.trigger_campaign, "
        "with: {campaign: nobody-knows}, consent: none}"
    )
    process, _ = start("run", "sink", "braze", **settings)
    eventually(lambda: not process.is_running(), 30)
    assert process.exit_code == 1
    assert says in process.last_words()
    assert "Traceback" not in process.last_words()
