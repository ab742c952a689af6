"""A vendor of a few lines: takes every `/users/track`, and remembers whose events came in which order."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self


class Seen(NamedTuple):
    """One event of one customer."""

    customer: str
    number: int


class TrackStub:
    """Listens on a free loopback port from `with` on; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL that a sink is configured with."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def seen(self) -> list[Seen]:
        """The events so far, in order of arrival."""
        with self._lock:
            return list(self._seen)

    def take(self, body: dict[str, list[dict[str, dict[str, str]]]]) -> int:
        """Remember the events of a request; how many they are."""
        events = [Seen(str(item["external_id"]), int(item["properties"]["number"])) for item in body.get("events", [])]
        with self._lock:
            self._seen += events
        return len(events)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(stub: TrackStub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of a sink."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            count = stub.take(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            text = json.dumps({"message": "success", "events_processed": count}).encode()
            self.send_response(201)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
