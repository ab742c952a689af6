"""A vendor that accepts everything, with as little work as possible: it should not be what is measured.

`python -m benchmarks.stub [--delay-ms N] [--refuse-every N]` prints its port. HTTP/1.1 with keep-alive, bodies by
Content-Length. `POST /watch?objects=N&pid=P` begins a count; `GET /count` tells it. It reads the clock and
the CPU time of process P itself at the first and at the Nth object, so that neither a start nor a poll
interval is in the figures. With `&look=1` it also looks into the objects: which documents came, and how long after
the time that they carry. One request in `--refuse-every` is answered 503, and nothing of it is counted.
"""

import argparse
import asyncio
import json
import os
import re
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_OBJECT = b'"external_id":'  # once in every object of a body
_DOCUMENT = re.compile(rb'"last_document_id":"([^"]+)"')
_MOMENT = re.compile(rb'"last_document_at":"([^"]+)Z"')
_MOST_BODY = 8 * 1024 * 1024


@dataclass(slots=True)
class Tally:
    """What arrived since the last watch; times are of the monotonic clock, CPU in seconds, None if unknown."""

    expected: int = 0
    pid: int = 0
    objects: int = 0
    requests: int = 0
    first_at: float | None = None
    last_at: float | None = None
    first_cpu_s: float | None = None
    last_cpu_s: float | None = None
    refused: int = 0
    is_looking: bool = False
    documents: set[bytes] = field(default_factory=set)
    late_s: list[float] = field(default_factory=list)

    def arrived(self, objects: int, body: bytes) -> None:
        """A request with so many objects; it is done when so many came, or so many different ones."""
        if self.first_at is None:
            self.first_at, self.first_cpu_s = time.monotonic(), cpu_s(self.pid)
        self.requests += 1
        self.objects += objects
        if self.is_looking:
            self._look(body)
        done = len(self.documents) if self.is_looking else self.objects
        if self.last_at is None and done >= self.expected:
            self.last_at, self.last_cpu_s = time.monotonic(), cpu_s(self.pid)

    def _look(self, body: bytes) -> None:
        now = time.time()
        self.documents.update(_DOCUMENT.findall(body))
        moments = (datetime.fromisoformat(text.decode()).replace(tzinfo=UTC) for text in _MOMENT.findall(body))
        self.late_s += [now - moment.timestamp() for moment in moments]

    def told(self) -> dict[str, Any]:
        """The figures that a conductor asks for; `late_s` is the 99th percentile, null where nothing was looked at."""
        names = ("objects", "requests", "first_at", "last_at", "first_cpu_s", "last_cpu_s", "refused")
        late = sorted(self.late_s)
        p99 = late[len(late) * 99 // 100] if late else None
        median = late[len(late) // 2] if late else None
        looked = {"different": len(self.documents), "late_s": p99, "median_s": median}
        return {name: getattr(self, name) for name in names} | looked


@dataclass(slots=True)
class Desk:
    """What the connections share."""

    delay_s: float
    refuse_every: int = 0
    tally: Tally = field(default_factory=Tally)
    posts: int = 0

    def answer(self, method: str, target: str, body: bytes) -> tuple[bytes, float]:
        """The answer to one request and the seconds after which it is given."""
        path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        if path == "/watch":
            looks = "look" in query
            self.tally = Tally(expected=int(query["objects"]), pid=int(query["pid"]), is_looking=looks)
            return _answer(b"200 OK", {}), 0.0
        if path == "/count":
            return _answer(b"200 OK", self.tally.told()), 0.0
        if method != "POST":
            return _answer(b"200 OK", {"message": "success"}), 0.0
        self.posts += 1
        if self.refuse_every and self.posts % self.refuse_every == 0:
            self.tally.refused += 1
            return _answer(b"503 Service Unavailable", {"message": "try again"}), self.delay_s
        objects = body.count(_OBJECT)
        self.tally.arrived(objects, body)
        array = "events" if body.startswith(b'{"events"') else "attributes"
        return _answer(b"201 Created", {"message": "success", f"{array}_processed": objects}), self.delay_s


class Connection(asyncio.Protocol):
    """One client's connection; requests are answered one after the other."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._data = bytearray()
        self._whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect until a request is whole, then answer it."""
        self._data += data
        while self._data:
            if not self._whole:
                end = self._data.find(_HEAD_END)
                if end < 0:
                    return
                self._body_at = end + len(_HEAD_END)
                self._whole = self._body_at + _content_length(bytes(self._data[:end]))
            if self._whole > _MOST_BODY:
                self._transport.close()
                return
            if len(self._data) < self._whole:
                return
            self._take()

    def _take(self) -> None:
        method, target = self._data[: self._data.index(b"\r\n")].decode("latin-1").split(" ")[:2]
        body = bytes(self._data[self._body_at : self._whole])
        del self._data[: self._whole]
        self._whole = 0
        answer, delay_s = self._desk.answer(method, target, body)
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


def cpu_s(pid: int) -> float | None:
    """CPU seconds of a running process, user and system, in steps of 10 ms; None where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        if line[: len(_LENGTH)].lower() == _LENGTH:
            return int(line[len(_LENGTH) :])
    return 0


def _answer(status: bytes, value: dict[str, object]) -> bytes:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    return head + body


async def _serve(desk: Desk) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(desk), sock=listener)
    print(listener.getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=float, default=0, help="how long each answer takes")
    parser.add_argument("--refuse-every", type=int, default=0, help="one request in so many is answered 503")
    given = parser.parse_args()
    asyncio.run(_serve(Desk(given.delay_ms / 1000, given.refuse_every)))
