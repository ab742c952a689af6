"""A scripted Braze of the fault tests: `/users/track` only, and it remembers what arrived in which order.

Smaller than the sandbox on purpose: it must not share a mistake with it.
"""

import json
import threading
import time
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.faults.events import Mark

_LISTS = ("attributes", "events")


class Vendor:
    """Listens on a free loopback port from `with` on; thread-safe. Each answer takes `delay_s`."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self._lock = threading.Lock()
        self._received: dict[str, list[Mark]] = {name: [] for name in _LISTS}
        self._down: HTTPStatus | None = None
        self._refused = Counter[str]()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL that a sink is configured with."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def refused(self, method: str) -> int:
        """How many requests were answered with the scripted failure: POST is work, GET a probe."""
        with self._lock:
            return self._refused[method]

    def received(self, what: str = "events") -> list[Mark]:
        """The accepted objects of one list of the body, in order of arrival."""
        with self._lock:
            return list(self._received[what])

    def fail(self, status: HTTPStatus) -> None:
        """Answer every request with this status and accept nothing, until `recover`."""
        with self._lock:
            self._down = status

    def recover(self) -> None:
        """Answer as usual again."""
        with self._lock:
            self._down = None

    def answer(self, method: str, body: dict[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        """What a request gets; accepted objects are remembered in the same moment."""
        with self._lock:
            if self._down is not None:
                self._refused[method] += 1
                return self._down, {"message": "scripted failure"}
            for name in _LISTS:
                self._received[name] += [_mark(item) for item in body.get(name, [])]
        counts = {f"{name}_processed": len(body[name]) for name in _LISTS if name in body}
        return HTTPStatus.CREATED, counts | {"message": "success"}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed has nobody to tell."""


def _mark(item: dict[str, Any]) -> Mark:
    """Events carry the number in their properties, attribute objects beside the id."""
    return Mark(item["external_id"], int(item.get("properties", item)["number"]))


def _handler(vendor: Vendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of a sink."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            known = self.path == "/users/track"
            status, answer = vendor.answer("POST", body) if known else (HTTPStatus.NOT_FOUND, {"message": "no"})
            time.sleep(vendor.delay_s)  # a vendor's own work, after it acted: a client killed now cannot know
            self._send(status, answer)

        def do_GET(self) -> None:
            status, answer = vendor.answer("GET", {})
            self._send(HTTPStatus.OK if status == HTTPStatus.CREATED else status, answer)

        def _send(self, status: HTTPStatus, answer: dict[str, Any]) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
