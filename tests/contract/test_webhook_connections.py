"""A thousand senders at once: each is answered, and none waits for the slow ones."""

import json
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.contract.test_webhook_server import HEADERS, START, Running
from tests.support.ingest import TOKEN, KeptRecords

CONNECTIONS = 1_000
BOUND_S = 120.0  # some seconds on a machine of its own
_DESCRIPTORS = 2 * CONNECTIONS + 500
_JSON = {**HEADERS, "content-type": "application/json"}


@pytest.fixture(autouse=True)
def _descriptors() -> Iterator[None]:
    """Both ends of each connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if wanted < _DESCRIPTORS:
        pytest.skip(f"this machine allows {hard} open files, {_DESCRIPTORS} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def event(number: int) -> bytes:
    """The body of one sender."""
    told = {"type": "CREATED", "occurred_at": "2026-03-04T11:59:00Z", "workspace_id": f"W-{number}"}
    return json.dumps(told).encode()


def head(body: bytes) -> bytes:
    """Everything before it."""
    return f"{START}Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n".encode()


def answer_of(connection: socket.socket) -> str:
    """The status line."""
    return connection.recv(4096).split(b"\r\n", 1)[0].decode()


def test_a_thousand_connections_are_all_answered() -> None:
    """Each is stored and told so, within a bound; while they are half-way, a newcomer is served at once."""
    kept = KeptRecords()
    running = Running(kept, request_timeout_s=BOUND_S)
    began = time.monotonic()
    with ExitStack() as stack:
        stack.callback(running.stop)
        connections = [stack.enter_context(running.connect()) for _ in range(CONNECTIONS)]
        for number, connection in enumerate(connections):
            body = event(number)
            connection.sendall(head(body) + body[:20])
        newcomer = httpx.post(running.url, content=event(CONNECTIONS), headers=_JSON, timeout=10)
        stored_meanwhile = len(kept.records)
        for number, connection in enumerate(connections):
            connection.sendall(event(number)[20:])
        answers = Counter(answer_of(connection) for connection in connections)

    assert (newcomer.status_code, stored_meanwhile) == (200, 1)
    assert answers == {"HTTP/1.1 200 OK": CONNECTIONS}
    assert {record.key for record in kept.records} == {f"W-{n}".encode() for n in range(CONNECTIONS + 1)}
    assert time.monotonic() - began < BOUND_S
