"""The HTTP door: many signals a request, packed bodies, limits a source, and the schemas it serves."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from schemas.catalogue import catalogue
from tests.support.asgi import AsgiClient
from tests.support.clock import ManualClock
from tests.support.ingest import SOURCES, TOKEN, Counted, KeptRecords, door, intake, webhook_config
from tests.support.sender import CREATED, EVENTS, WORKSPACE, Sender
from workers.ingest.hooks import SignalOutcome
from workers.ingest.letters import IngestLetters
from workers.ingest.rotation import with_secrets
from workers.ingest.webhook import Webhook

LINES = "application/x-ndjson"
SECOND = {**CREATED, "workspace_id": "W-2"}


def lines(*events: Any) -> bytes:
    """Each on its own line; bytes as they are."""
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in events)


@pytest.fixture
def kept() -> KeptRecords:
    return KeptRecords()


@pytest.fixture
def sender(kept: KeptRecords) -> Iterator[Sender]:
    """A door in front of a memory."""
    with AsgiClient(door(kept)) as client:
        yield Sender(client)


# -- JSON lines


def test_each_line_has_its_own_answer(sender: Sender, kept: KeptRecords) -> None:
    """207: a line that is no JSON is refused alone, blank lines are none, and the order is kept."""
    answer = sender.event(lines(CREATED, b"", b"{", b" \r", {"type": "MADE"}, SECOND), content_type=LINES)

    items = answer.json()["items"]
    assert answer.status_code == 207
    assert [(item["index"], item["status"]) for item in items] == [
        (0, "stored"),
        (1, "refused"),
        (2, "refused"),
        (3, "stored"),
    ]
    assert "is not valid JSON" in items[1]["errors"][0]["message"]
    assert [error["field"] for error in items[2]["errors"]] == ["occurred_at", "type", "workspace_id"]
    assert [dict(record.headers)["ce_id"].decode() for record in kept.records] == [
        items[0]["event_id"],
        items[3]["event_id"],
    ]


def test_one_line_is_answered_as_one_of_many(sender: Sender) -> None:
    """A sender of lines reads one kind of answer, however many it sent."""
    answer = sender.event(lines(CREATED), content_type=f"{LINES}; charset=utf-8")

    assert answer.status_code == 200
    assert [item["status"] for item in answer.json()["items"]] == ["stored"]


def test_lines_without_a_good_one_are_refused(sender: Sender) -> None:
    """400, and no line at all is nothing to refuse."""
    assert sender.event(b"{\n[]\n", content_type=LINES).status_code == 400
    assert sender.event(b"\n\n", content_type=LINES).json() == {"items": []}


def test_too_many_lines_are_refused(kept: KeptRecords) -> None:
    """413, as for an array."""
    with AsgiClient(door(kept, webhook_config(items_max=2))) as client:
        answer = Sender(client).event(lines(CREATED, CREATED, CREATED), content_type=LINES)

    assert (answer.status_code, kept.records) == (413, [])


# -- packed bodies


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(lines(CREATED), mtime=0)),
        ("X-GZIP", gzip.compress(lines(CREATED), mtime=0)),
        ("deflate", zlib.compress(lines(CREATED))),
        ("gzip", gzip.compress(lines(CREATED)[:20], mtime=0) + gzip.compress(lines(CREATED)[20:], mtime=0)),
    ],
    ids=["gzip", "x-gzip", "deflate", "members"],
)
def test_a_packed_body_is_unpacked(sender: Sender, coding: str, packed: bytes) -> None:
    """RFC 9110 §8.4.1; a signature is over the bytes that were sent."""
    answer = sender.event(packed, content_encoding=coding)

    assert answer.json() == sender.event(CREATED).json()
    assert sender.signal(gzip.compress(b"[]"), content_encoding="gzip").status_code == 200


@pytest.mark.parametrize(
    "packed",
    [b"{}", gzip.compress(b"{}", mtime=0)[:-4], gzip.compress(b"{}", mtime=0) + b"more", zlib.compress(b"{}")],
    ids=["unpacked", "cut off", "followed", "another coding"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(sender: Sender, packed: bytes) -> None:
    """400: it is not what its header says."""
    answer = sender.event(packed, content_encoding="gzip")

    assert answer.status_code == 400
    assert "not what gzip makes" in answer.json()["detail"]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_is_refused(kept: KeptRecords, pack: Callable[[bytes], bytes]) -> None:
    """413 as soon as it is larger than a body may be; the limit itself is allowed."""
    body = lines(CREATED)
    coding = "gzip" if pack is gzip.compress else "deflate"
    with AsgiClient(door(kept, webhook_config(body_max_bytes=len(body)))) as client:
        bomb = Sender(client).event(pack(b" " * 50 * len(body)), content_encoding=coding)
        whole = Sender(client).event(pack(body), content_encoding=coding)

    assert (bomb.status_code, whole.status_code) == (413, 200)
    assert "when it is unpacked" in bomb.json()["detail"]


def test_only_who_may_send_is_unpacked(sender: Sender) -> None:
    """A stranger's bomb is not even looked at."""
    answer = sender.event(b"no gzip", content_encoding="gzip", authorization="Bearer guess")

    assert answer.status_code == 401


def test_unpacked_bodies_count_as_memory(kept: KeptRecords) -> None:
    """503 instead of an end by memory."""
    body = lines({**CREATED, "workspace_name": "x" * 10_000})
    with AsgiClient(door(kept, webhook_config(bodies_max_bytes=5_000))) as client:
        answers = [Sender(client).event(gzip.compress(one), content_encoding="gzip") for one in (body, lines(CREATED))]

    assert [answer.status_code for answer in answers] == [503, 200]


def test_what_is_accepted_is_in_the_headers_too(sender: Sender) -> None:
    """A client library may read it (RFC 9110 §12.5.3)."""
    assert sender.event(CREATED, content_encoding="br").headers["accept-encoding"] == "gzip, deflate"
    assert LINES in sender.event(CREATED, content_type="text/csv").headers["accept-post"]


# -- limits a source


def test_a_source_that_sends_too_much_is_told_when_to_come_back(kept: KeptRecords) -> None:
    """429 with Retry-After; nothing of the request is stored, and other sources are not slowed."""
    clock, hook = ManualClock(), Counted()
    limited = {**SOURCES["upstream"], "rate_limit": {"per_s": 0.5, "burst": 2}}
    billing = {"kind": "canonical", "auth": {"kind": "bearer", "tokens": ["other"]}}
    config = webhook_config(sources={"upstream": limited, "billing": billing})
    app = Webhook(config, intake(kept), clock, hook, IngestLetters("", "test"), catalogue().topics).app()
    with AsgiClient(app) as client:
        sender = Sender(client)
        answers = [sender.event([CREATED, SECOND]), sender.event(CREATED)]
        other = sender.event(CREATED, authorization="Bearer other")
        clock.advance(2)
        later = sender.event(CREATED)

    assert [answer.status_code for answer in (*answers, other, later)] == [200, 429, 200, 200]
    assert answers[1].headers["retry-after"] == "2"
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert len(kept.records) == 4
    assert ("upstream", SignalOutcome.RATE_LIMITED) in hook.signals


# -- secrets that change


def test_secrets_are_exchanged_while_it_runs(kept: KeptRecords) -> None:
    """The next request is judged by the new ones."""
    config = webhook_config()
    webhook = Webhook(config, intake(kept), ManualClock(), Counted(), IngestLetters("", "test"), catalogue().topics)
    changed = {**SOURCES, "upstream": {"kind": "canonical", "auth": {"kind": "bearer", "tokens": ["new", TOKEN]}}}
    with AsgiClient(webhook.app()) as client:
        before = Sender(client).event(CREATED, authorization="Bearer new")
        webhook.recognise(with_secrets(config.sources, webhook_config(sources=changed).sources))
        after = [Sender(client).event(CREATED, authorization=f"Bearer {token}") for token in ("new", TOKEN)]

    assert before.status_code == 401
    assert [answer.status_code for answer in after] == [200, 200]


# -- schemas


def test_every_topic_has_a_schema_and_the_list_names_them(sender: Sender) -> None:
    """No credentials are needed to read what an event looks like."""
    listed = sender.client.request("GET", "/v1/schemas").json()["schemas"]

    assert {one["topic"] for one in listed} == set(catalogue().topics)
    assert {one["topic"] for one in listed if not one["open_to_sources"]} == {
        "comms.consent.v1",
        "comms.journey.v1",
        "comms.receipt.v1",
    }
    for one in listed:
        answer = sender.client.request("GET", one["schema"])
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"] == one["schema"]


def test_an_unknown_schema_is_not_found(sender: Sender, kept: KeptRecords) -> None:
    """404 says where the list is."""
    answer = sender.client.request("GET", "/v1/schemas/comms.nothing.v1")

    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert "/v1/schemas" in answer.json()["detail"]


def test_other_methods_of_a_schema_are_refused(sender: Sender) -> None:
    """405 with what is allowed; HEAD is."""
    path = f"/v1/schemas/{WORKSPACE}"

    assert sender.client.request("DELETE", path).headers["allow"] == "GET, HEAD"
    assert sender.client.request("HEAD", path).status_code == 200
    assert sender.client.request("GET", EVENTS).headers["allow"] == "POST"
