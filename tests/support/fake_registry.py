"""A Schema Registry that answers what a test says, and remembers what it was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.raw_server import Connection, RawServer

Answer = tuple[int, Any]
"""Status, and JSON data (or bytes as they are)."""

NO_SCHEMA: Answer = (404, {"error_code": 40403, "message": "Schema not found"})
NO_SUBJECT: Answer = (404, {"error_code": 40401, "message": "Subject not found"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakeRegistry:
    """Answers by `METHOD path` (no query); what nobody told it is a schema or subject that is not there."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    every: Answer | None = None
    url: str = ""

    def lines(self) -> list[str]:
        """What it was asked, in order."""
        return [asked.line for asked in self.asked]

    def serve(self, connection: Connection) -> None:
        """One connection, request by request."""
        while request := connection.read_request():
            asked = _parsed(request)
            self.asked.append(asked)
            status, body = self.every or self.answers.get(asked.line) or _nothing(asked.line)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.answer(data, f"{status} x")


def _nothing(line: str) -> Answer:
    return NO_SUBJECT if "/subjects/" in line or "/config" in line else NO_SCHEMA


def _parsed(request: bytes) -> Asked:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return Asked(f"{method} {target.partition('?')[0]}", headers, json.loads(body) if body else None)


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """One, listening."""
    fake = FakeRegistry()
    with RawServer(fake.serve) as server:
        fake.url = server.url
        yield fake
