"""What the benchmarks compare is the same work, counted by a vendor that counts right."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

import benchmarks
from benchmarks.events import TOPIC, event, events, payloads
from benchmarks.marketo import settings
from benchmarks.naive_loop import MAPPINGS, requests
from benchmarks.stub import Connection, Desk
from common.clock import SystemClock
from common.codec import Decoder, LocalSchemas
from common.event import Event
from schemas.catalogue import catalogue
from tests.support.braze import config
from workers.flows.catalogue import load_flows
from workers.sinks.braze.actions import actions
from workers.sinks.braze.client import track_body
from workers.sinks.braze.sink import BrazeSink
from workers.sinks.marketo.actions import actions as marketo_actions
from workers.sinks.marketo.config import MarketoConfig
from workers.sinks.marketo.sink import MarketoSink


class Wire(asyncio.Transport):
    """A connection of which only the answers are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data


def ours(array: str, value: dict[str, Any]) -> dict[str, Any]:
    """What our own flow and mapping send for an event."""
    file = Path(benchmarks.__file__).parent / "flows" / f"{array}.yaml"
    named = {f"braze.{name}": action for name, action in actions().items()}
    (flow,) = load_flows([file], named, {}, catalogue(), default=()).matching(TOPIC, value)
    with_sink = BrazeSink.connect(config(), SystemClock())
    item = with_sink.prepare(flow.action, Event(TOPIC, b"", value), flow.parameters(value))
    with_sink.close()
    sent: dict[str, Any] = orjson.loads(item.body.data)
    return sent


@pytest.mark.parametrize("array", ["attributes", "events"])
def test_the_reference_sends_the_same_objects(array: str) -> None:
    """A loop that mapped less would be no reference."""
    value = event(7, 11)

    assert MAPPINGS[array](value) == ours(array, value)


def test_the_leads_that_the_fleet_writes_are_of_every_event() -> None:
    """One flow matches each, and Marketo's sink can make a record of it."""
    file = Path(benchmarks.__file__).parent / "flows" / "leads.yaml"
    named = {f"marketo.{name}": action for name, action in marketo_actions().items()}
    value = event(7, 11)
    (flow,) = load_flows([file], named, {}, catalogue(), default=()).matching(TOPIC, value)
    sink = MarketoSink.connect(MarketoConfig.model_validate(settings("http://127.0.0.1")), SystemClock())

    item = sink.prepare(flow.action, Event(TOPIC, b"", value), flow.parameters(value))

    sink.close()
    assert orjson.loads(item.body.row) == {"customerNumber": "C-000011", "stage": value["document_type"]}


def test_the_events_are_the_same_every_time_and_of_so_many_customers() -> None:
    """Runs of today and of next year send the same bytes."""
    first, second = list(payloads(30, 10)), list(payloads(30, 10))

    assert first == second
    assert len({payload.key for payload in first}) == 10
    assert [Decoder(LocalSchemas()).decode(TOPIC, payload.value)["event_id"] for payload in first] == [
        value["event_id"] for value in events(30, 10)
    ]


def test_requests_of_the_reference_are_filled() -> None:
    """75 a request, and nothing is left over."""
    assert [len(request) for request in requests(iter([{}] * 160))] == [75, 75, 10]


def posted(array: str, count: int) -> bytes:
    """A request as our client sends it."""
    body = track_body(array, [orjson.dumps({"external_id": f"C-{n}"}) for n in range(count)])
    return b"POST /users/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("cut", [1, 30, 70, 200])
def test_the_stub_counts_objects_however_the_bytes_arrive(cut: int) -> None:
    """Requests in pieces, and two in one piece, are each answered once."""
    desk, wire = Desk(delay_s=0), Wire()
    connection = Connection(desk)
    connection.connection_made(wire)
    data = posted("attributes", 3) + posted("events", 2)

    for start in range(0, len(data), cut):
        connection.data_received(data[start : start + cut])

    answers = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in wire.written.split(b"HTTP/1.1 201 Created")[1:]]
    assert answers == [
        {"message": "success", "attributes_processed": 3},
        {"message": "success", "events_processed": 2},
    ]
    assert (desk.tally.requests, desk.tally.objects) == (2, 5)


def test_the_stub_reads_the_clocks_at_the_first_and_at_the_last_object() -> None:
    """What comes after the expected last one moves nothing, and is counted."""
    desk = Desk(delay_s=0)
    desk.answer("GET", f"/watch?objects=4&pid={os.getpid()}", b"")
    body = posted("events", 2).partition(b"\r\n\r\n")[2]

    seen = [_after(desk, body) for _ in range(3)]

    assert [(first is None, last is None) for first, last in seen] == [(False, True), (False, False), (False, False)]
    assert len({first for first, _ in seen}) == 1
    assert seen[1] == seen[2]
    assert json.loads(desk.answer("GET", "/count", b"")[0].partition(b"\r\n\r\n")[2])["objects"] == 6


def _after(desk: Desk, body: bytes) -> tuple[float | None, float | None]:
    """When the first and the last object came, told after one more request."""
    desk.answer("POST", "/users/track", body)
    return desk.tally.first_at, desk.tally.last_at


def _asked(desk: Desk, method: str, target: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Status and body of an answer."""
    answer, _ = desk.answer(method, target, body)
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


def _documents(*names: str) -> bytes:
    objects = [{"external_id": "C", "last_document_id": name, "last_document_at": AT} for name in names]
    return track_body("attributes", [orjson.dumps(each) for each in objects])


AT = "2026-03-02T06:00:00.000Z"


def test_the_stub_tells_what_came_twice() -> None:
    """Done is when so many different documents came; how late they are is counted from the time they carry."""
    desk = Desk(0.0)
    _asked(desk, "POST", "/watch?objects=2&pid=1&look=1")

    _asked(desk, "POST", "/users/track", _documents("a", "a"))
    first = _asked(desk, "GET", "/count")[1]
    _asked(desk, "POST", "/users/track", _documents("b"))
    second = _asked(desk, "GET", "/count")[1]

    assert (first["objects"], first["different"], first["last_at"]) == (2, 1, None)
    assert (second["objects"], second["different"]) == (3, 2)
    assert second["last_at"] is not None
    assert second["late_s"] > 0


def test_the_stub_counts_nothing_of_a_refused_request() -> None:
    """Every second one here."""
    desk = Desk(0.0, refuse_every=2)
    _asked(desk, "POST", "/watch?objects=9&pid=1")

    statuses = [_asked(desk, "POST", "/users/track", _documents("a"))[0] for _ in range(4)]

    assert statuses == [201, 503, 201, 503]
    tally = _asked(desk, "GET", "/count")[1]
    assert (tally["objects"], tally["refused"]) == (2, 2)
