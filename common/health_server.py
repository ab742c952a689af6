"""The worker's own HTTP port: /metrics, /livez and /readyz, answered by a few threads of the standard library.

With a token also `GET /routes` and `POST /routes/{route}/release`, for operators who send it as a bearer token.
"""

import json
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from common.errors import ConfigurationError
from common.health import Health

log = logging.getLogger(__name__)

Render = Callable[[str], tuple[str, bytes]]
"""Content type and body of /metrics for an Accept header."""

_CONNECTIONS = 16
_IDLE_S = 5.0
_REQUEST_S = 10.0
_WAKE_S = 0.1
_RELEASE = re.compile(r"/routes/([^/]+)/release")


class HealthServer:
    """Serves a Health from `start` (or `with`) until `close`; port 0 takes a free one.

    At most 16 connections, one request each, 10 s long; a further one is closed at once.
    """

    def __init__(self, health: Health, render: Render, host: str, port: int, token: str = "") -> None:
        try:
            self._server = _Server((host, port), _handler(health, render, token))
        except OSError as error:
            raise ConfigurationError(
                f"the health port {host}:{port} cannot be opened ({error.strerror}): "
                "set health.port to a free one, or 0"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_WAKE_S,), name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering. A second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """Bounded: so many connections, and none of them for long."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = _CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without looking the host's name up, which may take seconds where there is no DNS."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, or close it when there are enough."""
        with self._lock:
            if is_taken := len(self._open) < _CONNECTIONS:
                self._open[request] = time.monotonic()
        if is_taken:
            super().process_request(request, client_address)
        else:
            super().shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """The connection's end, whatever it was."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called ten times a second: cut off who trickles a request."""
        now = time.monotonic()
        with self._lock:
            late = [request for request, since in self._open.items() if now - since > _REQUEST_S]
        for request in late:
            _cut_off(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is nobody's error; anything else is ours, and is told."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("the health port failed to answer %s: %s", client_address[0], type(error).__name__)


def _cut_off(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has just ended by itself


def _handler(health: Health, render: Render, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE_S
        server_version, sys_version = "commfleet", ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/livez":
                    self._answer_json(*health.liveness())
                case "/readyz":
                    self._answer_json(*health.readiness())
                case "/metrics":
                    self._answer(HTTPStatus.OK, *render(self.headers.get("Accept", "")))
                case "/routes" if token:
                    if self._is_operator():
                        self._say(HTTPStatus.OK, {"routes": health.routes()})
                case _:
                    self._say_unknown()

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            route = _RELEASE.fullmatch(self.path.partition("?")[0])
            if not token or route is None:
                self._say_unknown()
            elif self._is_operator():
                self._release(unquote(route[1]))

        def _release(self, route: str) -> None:
            try:
                is_released = health.release(route)
            except TimeoutError:
                self._say(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "its thread does not answer"})
                return
            if is_released:
                log.warning("route %s was released by an operator", route)
            status = HTTPStatus.OK if is_released else HTTPStatus.CONFLICT
            self._say(status, {"route": route, "released": is_released})

        def _is_operator(self) -> bool:
            """Whether the bearer token is right; answers 401 when it is not."""
            given = self.headers.get("Authorization", "").encode("latin-1", "replace")
            if is_right := compare_digest(given, f"Bearer {token}".encode()):
                return is_right
            self._say(HTTPStatus.UNAUTHORIZED, {"error": "send health.token as a bearer token"})
            return False

        def _say_unknown(self) -> None:
            paths = ["/metrics", "/livez", "/readyz", *(["/routes"] if token else [])]
            self._say(HTTPStatus.NOT_FOUND, {"paths": paths})

        def _say(self, status: HTTPStatus, body: Mapping[str, Any]) -> None:
            self._answer(status, "application/json", json.dumps(body).encode())

        def _answer_json(self, is_well: bool, body: Mapping[str, Any]) -> None:
            status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
            self._say(status, body)

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            if status is HTTPStatus.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", "Bearer")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Probes come every few seconds: quiet."""

    return Handler
