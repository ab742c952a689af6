"""Workers as processes while the Schema Registry is away, refuses them, and comes back."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.kafka.admin import TopicAdmin
from common.kafka.embedded import EmbeddedBroker
from tests.support.fake_registry import Answer, FakeRegistry, fake_registry
from tests.support.poll import eventually
from tests.support.ports import free_ports
from topics.catalogue import topics
from workers.demo.process import Process

EVENT = {"type": "CREATED", "occurred_at": "2026-03-04T11:59:00Z", "workspace_id": "W-1"}
TOKEN = "t" * 32
UNAUTHORIZED: Answer = (401, {"error_code": 401, "message": "Unauthorized"})
FOUND: Answer = (200, {"id": 7, "version": 1, "subject": "any", "schema": "{}"})


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A registry that a test scripts."""
    with fake_registry() as fake:
        yield fake


@pytest.fixture
def start(tmp_path: Path, embedded: EmbeddedBroker, prefix: str, fake: FakeRegistry) -> Iterator[Callable[..., str]]:
    """Start a worker on a broker with topics and on the fake registry; the URL of its health port."""
    TopicAdmin({"bootstrap.servers": embedded.bootstrap}).touch(prefix + name for name in topics())
    with ExitStack() as stack:

        def begin(*arguments: str, **more: Any) -> str:
            (port,) = free_ports(1)
            settings = {
                "prefix": prefix,
                "kafka": {"bootstrap.servers": embedded.bootstrap},
                "topics": {"partitions": 4},
                "health": {"host": "127.0.0.1", "port": port},
                "registry": {"url": fake.url, "username": "key", "password": "hunter2", "retries": 0, "retry_s": 0.1},
            }
            file = tmp_path / "commfleet.yaml"
            file.write_text(json.dumps({**settings, **more}))
            process = Process("worker", ("--config", str(file), *arguments), tmp_path)
            stack.callback(process.stop)
            return f"http://127.0.0.1:{port}"

        yield begin


def ready(health: str) -> httpx.Response | None:
    try:
        return httpx.get(f"{health}/readyz", trust_env=False)
    except httpx.TransportError:
        return None


def says(health: str, words: str) -> bool:
    answer = ready(health)
    return answer is not None and words in answer.text


def is_ready(health: str) -> bool:
    answer = ready(health)
    return answer is not None and answer.status_code == HTTPStatus.OK


def test_a_sink_waits_for_the_registry(start: Callable[..., str], fake: FakeRegistry) -> None:
    """Not ready, with the address and what is wrong, and it keeps trying; no secret is told."""
    fake.every = UNAUTHORIZED
    braze = {"base_url": "http://127.0.0.1:9", "api_key": "key", "start_from": "end"}
    health = start("run", "sink", "braze", sinks={"braze": braze}, flows={"defaults": False})

    eventually(lambda: says(health, "check registry.username and registry.password"), 30)
    assert says(health, fake.url)
    assert not says(health, "hunter2")
    assert not is_ready(health)

    fake.every = FOUND
    eventually(lambda: is_ready(health), 30)


def test_the_webhook_answers_503_until_it_has_its_ids(start: Callable[..., str], fake: FakeRegistry) -> None:
    """With Retry-After, and without waiting for the registry; once it has them, the registry may go."""
    fake.every = (503, b"")
    (port,) = free_ports(1)
    shop = {"kind": "canonical", "auth": {"kind": "bearer", "tokens": [TOKEN]}}
    door = {"host": "127.0.0.1", "port": port, "sources": {"shop": shop}}
    health = start("run", "ingest", "webhook", ingest={"webhook": door})

    def post() -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{port}/v1/events/comms.workspace.v1",
            json=EVENT,
            headers={"authorization": f"Bearer {TOKEN}"},
            trust_env=False,
        )

    eventually(lambda: says(health, "answered 503"), 30)
    refused = post()
    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert int(refused.headers["retry-after"]) > 0

    fake.every = FOUND
    eventually(lambda: is_ready(health), 30)
    fake.every = (503, b"")
    assert post().status_code == HTTPStatus.OK
