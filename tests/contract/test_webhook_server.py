"""The webhook on a real socket: slow senders, oversized heads, the calm stop."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from common.errors import ConfigurationError
from common.kafka.parcel import Confirmation
from common.kafka.producer import Outgoing
from tests.support.ingest import TOKEN, KeptRecords, door, webhook_config
from tests.support.poll import eventually
from tests.support.ports import free_ports
from workers.ingest.server import listen, serve

EVENT = {"type": "CREATED", "occurred_at": "2026-03-04T11:59:00Z", "workspace_id": "W-1"}
HEADERS = {"authorization": f"Bearer {TOKEN}"}
PATH = "/v1/events/comms.workspace.v1"
START = f"POST {PATH} HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\n"


class Running:
    """A door that is served in a thread, until `stop`."""

    def __init__(self, producer: KeptRecords, **settings: Any) -> None:
        config = webhook_config(**{"host": "127.0.0.1", "port": 0, **settings})
        self._stop, port = threading.Event(), Future[int]()
        self.thread = threading.Thread(target=serve, args=(door(producer, config), config, self._stop, port.set_result))
        self.thread.start()
        self.port = port.result(10)

    @property
    def url(self) -> str:
        """Where events go."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    def connect(self, data: bytes = b"") -> socket.socket:
        """A connection that has sent so much, and nothing more."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(10)
        connection.sendall(data)
        return connection

    def begin_stop(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._stop.set()
        self.thread.join(20)


@pytest.fixture
def kept() -> KeptRecords:
    return KeptRecords()


@pytest.fixture
def impatient(kept: KeptRecords) -> Iterator[Running]:
    """A door that gives requests 0.3 s."""
    running = Running(kept, request_timeout_s=0.3)
    yield running
    running.stop()


def read_all(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_events_come_in_over_http(impatient: Running, kept: KeptRecords) -> None:
    """One connection carries many requests, and waiting between them is allowed."""
    with httpx.Client(headers=HEADERS) as client:
        first = client.post(impatient.url, json=EVENT)
        time.sleep(0.5)  # longer than a request may take: an idle connection is not a slow one
        second = client.post(impatient.url, json=EVENT)

    assert (first.status_code, second.status_code) == (200, 200)
    assert len(kept.records) == 2


@pytest.mark.parametrize("sent", [b"", b"POST", START.encode()])
def test_a_connection_without_a_whole_head_is_cut_off(impatient: Running, sent: bytes) -> None:
    """Silence and half a head cost a socket for a moment only."""
    assert read_all(impatient.connect(sent)) == b""


def test_a_second_request_must_hurry_too(impatient: Running) -> None:
    """The first good request of a connection buys no patience for the next one."""
    connection = impatient.connect(f"{START}Content-Length: 0\r\n\r\n".encode())
    first = b""
    while not first.endswith(b"}"):
        first += connection.recv(4096)
    connection.sendall(b"POST")

    assert first.startswith(b"HTTP/1.1 401")
    assert read_all(connection) == b""


def test_a_slow_body_is_told_and_cut_off(impatient: Running, kept: KeptRecords) -> None:
    """408, and the connection ends."""
    answer = read_all(impatient.connect(f"{START}Content-Length: 10\r\n\r\n{{".encode()))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.3 s" in answer
    assert kept.records == []


def test_a_slow_sender_does_not_stop_the_others(impatient: Running) -> None:
    """Half a body waits on its own."""
    with impatient.connect(f"{START}Content-Length: 10\r\n\r\n{{".encode()):
        assert httpx.post(impatient.url, json=EVENT, headers=HEADERS).status_code == 200


def test_an_announced_flood_is_refused_before_it_is_read(impatient: Running) -> None:
    """413 at once: nothing of the gigabyte was sent."""
    answer = read_all(impatient.connect(f"{START}Content-Length: 1000000000\r\n\r\n".encode()))

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_sender_of_too_much_reads_why(impatient: Running) -> None:
    """The connection is not reset under a sender that is still sending."""
    answer = httpx.post(
        impatient.url, content=b" " * 2_000_000, headers={**HEADERS, "content-type": "application/json"}
    )

    assert answer.status_code == 413


def test_an_oversized_head_is_refused(impatient: Running) -> None:
    """431, in words."""
    answer = read_all(impatient.connect(f"{START}X-Long: {'a' * 20_000}\r\nConnection: close\r\n\r\n".encode()))

    assert answer.startswith(b"HTTP/1.1 431 ")


def test_a_head_without_an_end_is_refused(impatient: Running) -> None:
    """The HTTP parser gives up at twice the limit, long before the time is over."""
    answer = read_all(impatient.connect(f"{START}X-Long: {'a' * 40_000}".encode()))

    assert answer.startswith(b"HTTP/1.1 400 ")


class Held(KeptRecords):
    """A producer whose acknowledgement waits until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.released = threading.Event(), threading.Event()

    async def send_all(self, records: Sequence[Outgoing]) -> list[Confirmation]:
        """Keep the records, wait, confirm."""
        confirmations = await super().send_all(records)
        self.began.set()
        while not self.released.is_set():
            await asyncio.sleep(0.01)
        return confirmations


def test_a_stop_lets_running_requests_end() -> None:
    """The sender hears of its stored event; new connections are refused meanwhile."""
    held = Held()
    running = Running(held)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, running.url, json=EVENT, headers=HEADERS)
        held.began.wait(10)
        running.begin_stop()
        eventually(lambda: not accepts(running.port), what="new connections are refused")
        held.released.set()

        assert json.loads(answer.result(10).content)["status"] == "stored"
    running.stop()
    assert not running.thread.is_alive()


def test_a_stop_does_not_wait_for_ever() -> None:
    """Past the drain time it ends all the same."""
    held = Held()
    running = Running(held, drain_s=1)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, running.url, json=EVENT, headers=HEADERS)
        held.began.wait(10)
        running.stop()
        ended = not running.thread.is_alive()
        held.released.set()

        assert ended
        assert answer.result(10).status_code == 503
        assert "is stopping" in answer.result().json()["detail"]


def accepts(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_answers_leave_at_once() -> None:
    """asyncio switches Nagle's delay off for sockets that name TCP only: without it an answer takes 40 ms."""
    with listen(webhook_config(host="127.0.0.1", port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_stop_is_told_before_it_comes() -> None:
    """For `unready_s` requests are still taken, so that whoever routes them can turn away."""
    running = Running(KeptRecords(), unready_s=1)
    running.begin_stop()
    answers = [httpx.post(running.url, json=EVENT, headers=HEADERS).status_code for _ in range(2)]
    eventually(lambda: not accepts(running.port), what="new connections are refused")
    running.stop()

    assert answers == [200, 200]
    assert not running.thread.is_alive()


def test_a_taken_address_is_a_named_error() -> None:
    """The operator reads which setting to change."""
    (port,) = free_ports(1)
    message = rf"cannot listen on 127.0.0.1:{port}: .*ingest.webhook.port"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigurationError, match=message):
        listen(webhook_config(host="127.0.0.1", port=port))
