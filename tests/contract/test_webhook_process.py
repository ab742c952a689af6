"""The webhook as a process: its calm stop, and secrets that change while it runs."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.kafka.embedded import EmbeddedBroker
from tests.support.poll import eventually
from tests.support.ports import free_ports
from tests.support.sender import CREATED, EVENTS

TOKENS = "COMMFLEET_INGEST__WEBHOOK__SOURCES__UPSTREAM__AUTH__TOKENS_FILE"


class Door:
    """A running webhook; its token is in a file."""

    def __init__(self, folder: Path, bootstrap: str, **settings: Any) -> None:
        self.port, self._health = free_ports(2)
        self.tokens, self._log = folder / "tokens", folder / "log"
        self.tokens.write_text("first\n")
        upstream = {"kind": "canonical", "auth": {"kind": "bearer"}}
        webhook = {"host": "127.0.0.1", "port": self.port, "sources": {"upstream": upstream}, **settings}
        config = {
            "kafka": {"bootstrap.servers": bootstrap},
            "health": {"host": "127.0.0.1", "port": self._health},
            "ingest": {"webhook": webhook},
        }
        (folder / "commfleet.yaml").write_text(json.dumps(config))
        env = {name: value for name, value in os.environ.items() if not name.startswith("COMMFLEET_")}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers", "run", "ingest", "webhook"],
                cwd=folder,
                env={**env, "PYTHONPATH": str(Path(__file__).parents[2]), TOKENS: str(self.tokens)},
                stderr=log,
            )

    def readiness(self) -> httpx.Response | None:
        """What /readyz says; None while nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self._health}/readyz", trust_env=False)
        except httpx.TransportError:
            return None

    def is_ready(self) -> bool:
        """Whether it takes requests that will be stored."""
        assert self.process.poll() is None, self.log
        answer = self.readiness()
        return answer is not None and answer.status_code == HTTPStatus.OK

    def post(self, token: str) -> int:
        """The status of the answer to one event."""
        headers = {"authorization": f"Bearer {token}"}
        return httpx.post(
            f"http://127.0.0.1:{self.port}{EVENTS}", json=CREATED, headers=headers, trust_env=False
        ).status_code

    @property
    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text()

    def stop(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path: Path, embedded: EmbeddedBroker) -> Iterator[Callable[..., Door]]:
    """Start a webhook that is ready."""
    with ExitStack() as stack:

        def begin(**settings: Any) -> Door:
            door = Door(tmp_path, embedded.bootstrap, **settings)
            stack.callback(door.stop)
            eventually(door.is_ready, 30, what="the webhook is ready")
            return door

        yield begin


def refuses(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def test_a_stop_loses_no_request(start: Callable[..., Door]) -> None:
    """Readiness fails first, then new connections are refused, and the request under way is stored and answered."""
    door, body = start(unready_s=2), json.dumps(CREATED).encode()
    head = f"POST {EVENTS} HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\nAuthorization: Bearer first\r\n"
    with socket.create_connection(("127.0.0.1", door.port)) as connection:
        connection.settimeout(20)
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        door.process.send_signal(signal.SIGTERM)
        unready = eventually(lambda: not door.is_ready() and door.readiness(), what="it is not ready any more")
        while_unready = door.post("first")
        eventually(lambda: refuses(door.port), what="new connections are refused")
        connection.sendall(body[10:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert isinstance(unready, httpx.Response)
    assert unready.json()["checks"]["stop"] == "told to stop"
    assert while_unready == HTTPStatus.OK
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"status":"stored"' in answer
    assert door.process.wait(20) == 0, door.log


def test_a_secret_file_is_read_again(start: Callable[..., Door]) -> None:
    """Two tokens are valid while they are exchanged; a file that cannot be used changes nothing."""
    door = start(unready_s=0, reread_s=0.05)
    assert [door.post("first"), door.post("second")] == [HTTPStatus.OK, HTTPStatus.UNAUTHORIZED]

    door.tokens.write_text("second\nfirst\n")
    eventually(lambda: door.post("second") == HTTPStatus.OK, what="the new token is valid")
    assert door.post("first") == HTTPStatus.OK

    door.tokens.write_text("\n")
    eventually(lambda: "the old ones stay valid" in door.log, what="the log says so")
    assert door.post("second") == HTTPStatus.OK
    assert "second" not in door.log
