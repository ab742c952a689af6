"""The HTTP door: what is answered, and what then stands in Kafka."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from common.codec import Decoder, LocalSchemas
from common.errors import RegistryDownError, UnconfirmedError
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from common.kafka.producer import ConfirmedProducer
from tests.support.asgi import AsgiClient
from tests.support.forwarder import Forwarder
from tests.support.ingest import NOW, SOURCES, Counted, KeptRecords, door, webhook_config
from tests.support.poll import eventually
from tests.support.sender import CREATED, EVENTS, HOOK, WORKSPACE, Sender
from tests.unit.test_exstream_source import EMAIL_EVENT, FILE_EVENT
from workers.ingest.hooks import SignalOutcome

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def kept() -> KeptRecords:
    return KeptRecords()


@pytest.fixture
def hook() -> Counted:
    return Counted()


@pytest.fixture
def sender(kept: KeptRecords, hook: Counted) -> Iterator[Sender]:
    """A door in front of a memory."""
    with AsgiClient(door(kept, hook=hook)) as client:
        yield Sender(client)


@pytest.fixture
def with_settings(kept: KeptRecords) -> Iterator[Callable[..., Sender]]:
    """Doors with settings of their own."""
    with ExitStack() as stack:
        yield lambda **settings: Sender(stack.enter_context(AsgiClient(door(kept, webhook_config(**settings)))))


# -- what is accepted


def test_an_acknowledged_event_stands_in_kafka(embedded: EmbeddedBroker) -> None:
    """Key, Avro value and headers, as any reader of the topic finds them."""
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": embedded.bootstrap}))
    with AsgiClient(door(producer, prefix="t.")) as client:
        answer = Sender(client).event(CREATED, traceparent=TRACE)
    producer.close()

    message = first_of(embedded, "t." + WORKSPACE)
    headers, value = dict(message.headers() or []), Decoder(LocalSchemas()).decode(WORKSPACE, message.value())
    assert (answer.status_code, answer.json()) == (200, {"event_id": value["event_id"], "status": "stored"})
    assert message.key() == b"C-1"
    assert (value["type"], value["source"], value["ingested_at"]) == ("CREATED", "upstream", NOW)
    assert headers["ce_id"] == value["event_id"].encode()
    assert headers["ce_type"] == b"comms.workspace.v1.CREATED"
    assert headers["traceparent"] == TRACE.encode()


def first_of(broker: EmbeddedBroker, topic: str) -> Any:
    settings = {"bootstrap.servers": broker.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"}
    with Consumer(settings) as consumer:
        consumer.subscribe([topic])
        return eventually(lambda: consumer.poll(0.5), 15, what=f"a record in {topic}")


def test_a_signal_of_exstream_is_stored(sender: Sender, kept: KeptRecords, hook: Counted) -> None:
    """Signed, mapped, acknowledged, counted once, though it says two things: an open, and the customer's wish."""
    answer = sender.signal(EMAIL_EVENT)

    assert (answer.status_code, answer.json()["status"]) == (200, "stored")
    assert [record.topic for record in kept.records] == ["comms.communication.v1", "comms.preference.v1"]
    assert hook.signals == [("letters", SignalOutcome.STORED)]
    assert hook.acknowledgements == ["letters"]


def test_a_repeat_has_the_same_id(sender: Sender) -> None:
    """Both doors: a sender that heard nothing may send again."""
    assert sender.signal(EMAIL_EVENT).json() == sender.signal(EMAIL_EVENT).json()
    assert sender.event(CREATED).json() == sender.event(dict(reversed(CREATED.items()))).json()


def test_a_sender_may_give_the_id(sender: Sender) -> None:
    """Systems with ids of their own keep them."""
    assert sender.event({**CREATED, "event_id": "order-4711"}).json()["event_id"] == "order-4711"


def test_every_example_of_an_open_topic_is_accepted(sender: Sender) -> None:
    """What the repository shows as an event is one."""
    closed = {"comms.consent.v1", "comms.journey.v1", "comms.receipt.v1"}
    examples = [path for path in sorted(EXAMPLES.glob("*/*.json")) if path.parent.name not in closed]

    answers = {path: sender.event(path.read_bytes(), path.parent.name) for path in examples}

    assert examples
    assert {path.name: answer.text for path, answer in answers.items() if answer.status_code != 200} == {}


def test_an_array_is_answered_item_by_item(sender: Sender, kept: KeptRecords) -> None:
    """207: the good ones are stored, in order, the bad one says why (design §12)."""
    bad = copy.deepcopy(EMAIL_EVENT)
    del bad["expctr"]["tenant"]

    answer = sender.signal([FILE_EVENT, bad, EMAIL_EVENT])

    items = answer.json()["items"]
    assert answer.status_code == 207
    assert [item["status"] for item in items] == ["stored", "refused", "stored"]
    assert items[1]["errors"] == [{"field": "expctr.tenant", "message": "Field required"}]
    documents = [record for record in kept.records if record.topic == "comms.communication.v1"]
    assert [dict(record.headers)["ce_id"].decode() for record in documents] == [
        items[0]["event_id"],
        items[2]["event_id"],
    ]


def test_an_array_of_good_items_is_all_stored(sender: Sender) -> None:
    """200, and an empty array has nothing to refuse."""
    assert sender.event([CREATED, {**CREATED, "workspace_id": "W-2"}]).status_code == 200
    assert sender.event([]).json() == {"items": []}


def test_an_array_without_a_good_item_is_refused(sender: Sender) -> None:
    """400, with each item's own errors."""
    answer = sender.event([{}, 5])

    assert answer.status_code == 400
    assert [item["errors"][0]["field"] for item in answer.json()["items"]] == ["occurred_at", ""]


def test_everything_that_is_wrong_is_told_at_once(sender: Sender) -> None:
    """A sender mends an event in one go, whoever found the fault: our rules or the schema."""
    answer = sender.event({"event_id": "a b", "type": "MADE", "customer": {"customer_id": ""}, "typo": 1})

    assert [error["field"] for error in answer.json()["errors"]] == [
        "occurred_at",
        "event_id",
        "customer.customer_id",
        "type",
        "workspace_id",
        "typo",
    ]


def test_what_has_no_word_of_ours_is_stored_and_counted(sender: Sender, hook: Counted) -> None:
    """An unknown type and a substitute identity are seen by whoever watches."""
    odd = copy.deepcopy(EMAIL_EVENT)
    odd["expctr"]["schemaType"] = "Exstream-Email-ODD"
    odd["user"] = {}

    assert sender.signal(odd).status_code == 200
    assert (hook.unknown_types, hook.substitutes) == (["letters"], ["letters"])


@pytest.mark.parametrize("trace", ["", "00-xyz", "a\tb", TRACE.upper()])
def test_a_trace_that_is_none_is_left_out(sender: Sender, kept: KeptRecords, trace: str) -> None:
    """A sender's odd header never becomes a record's header."""
    assert sender.event(CREATED, traceparent=trace).status_code == 200
    assert "traceparent" not in dict(kept.records[0].headers)


# -- what is refused


@pytest.mark.parametrize(
    ("event", "field", "message"),
    [
        ({**CREATED, "workspace_id": 5}, "workspace_id", "string"),
        ({**CREATED, "type": "MADE"}, "type", "CREATED"),
        ({**CREATED, "typo": 1}, "typo", ""),
        ({**CREATED, "customer": {}}, "customer.customer_id", ""),
        ({**CREATED, "customer": {"customer_id": " "}}, "customer.customer_id", "must not be empty"),
        ({**CREATED, "occurred_at": "yesterday"}, "occurred_at", "RFC 3339"),
        ({**CREATED, "occurred_at": "2026-03-04T11:59:00"}, "occurred_at", "offset"),
        ({"type": "CREATED"}, "occurred_at", "is required"),
        ({**CREATED, "event_id": ""}, "event_id", "1 to 200 printable"),
        ({**CREATED, "event_id": "a\nb"}, "event_id", "1 to 200 printable"),
        ({**CREATED, "event_id": 7}, "event_id", "1 to 200 printable"),
        (None, "", "must be a JSON object"),
        (b"\xff", "", "is not valid UTF-8 at byte 0"),
        (b'{"type": "CREATED", "type": "UPDATED"}', "type", "occurs twice"),
        (b'{"score": NaN}', "", "is not valid JSON"),
        (b"", "", "is not valid JSON"),
    ],
)
def test_a_bad_event_is_refused_by_field(
    sender: Sender, kept: KeptRecords, hook: Counted, event: Any, field: str, message: str
) -> None:
    """400 as a problem document that names the field; nothing is stored."""
    answer = sender.event(event)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    errors = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert message in errors[field]
    assert kept.records == []
    assert [outcome for _, outcome in hook.signals] == [SignalOutcome.INVALID]


def test_very_many_errors_are_not_all_listed(sender: Sender) -> None:
    """An answer is not a mirror for half a megabyte."""
    answer = sender.event({**CREATED, **{f"field-{number}": 1 for number in range(10_000)}})

    assert len(answer.content) < 10_000
    assert "more errors are not shown" in answer.text


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({"x_signature": "sha256=0"}, "X-Signature does not match"),
        ({"x_signature": ""}, "X-Signature header is missing"),
        ({"x_timestamp": str(int(NOW.timestamp()) - 3600)}, "3600 s away from our clock, 300 s are allowed"),
    ],
)
def test_a_wrong_signature_or_a_stale_timestamp_is_refused(
    sender: Sender, kept: KeptRecords, hook: Counted, headers: dict[str, str], detail: str
) -> None:
    """401 with the way to authenticate."""
    answer = sender.signal(EMAIL_EVENT, **headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("HMAC-SHA256 ")
    assert detail in answer.json()["detail"]
    assert kept.records == []
    assert hook.signals == [("letters", SignalOutcome.UNAUTHENTICATED)]


def test_a_wrong_token_is_refused(sender: Sender, kept: KeptRecords, hook: Counted) -> None:
    """401; who it was is not known, and the topic is not talked about."""
    answer = sender.event(CREATED, "comms.nothing.v1", authorization="Bearer guess")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="commfleet"')
    assert answer.json()["detail"] == "wrong bearer token"
    assert kept.records == []
    assert hook.signals == [("unknown", SignalOutcome.UNAUTHENTICATED)]


def test_sources_of_events_are_told_apart_by_their_credentials(
    with_settings: Callable[..., Sender], kept: KeptRecords
) -> None:
    """Each keeps to its own topics; the event's source is the caller's name."""
    billing = {"kind": "canonical", "auth": {"kind": "bearer", "tokens": ["b"]}, "topics": ["comms.batch.v1"]}
    sender = with_settings(sources={**SOURCES, "billing": billing})

    assert sender.event(CREATED, authorization="Bearer b").status_code == 403
    assert "its settings list" in sender.event(CREATED, authorization="Bearer b").json()["detail"]
    assert sender.event(CREATED).status_code == 200
    assert sender.event(CREATED, authorization="Bearer c").json()["detail"].startswith("no source of events")


@pytest.mark.parametrize("topic", ["comms.consent.v1", "comms.journey.v1", "comms.receipt.v1"])
def test_what_workers_decide_cannot_be_claimed(sender: Sender, kept: KeptRecords, topic: str) -> None:
    """403: decisions, steps and receipts are never taken from outside."""
    answer = sender.event(CREATED, topic)

    assert (answer.status_code, kept.records) == (403, [])
    assert f"{topic} is written by workers only" in answer.json()["detail"]


def test_an_unknown_topic_is_answered_with_the_known_ones(sender: Sender) -> None:
    """404, and what one may have meant."""
    answer = sender.event(CREATED, "comms.workspaces.v1")

    assert answer.status_code == 404
    assert "comms.workspace.v1" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/", 404),
        ("POST", "/hooks/nobody", 404),
        ("POST", "/hooks/upstream", 404),
        ("POST", HOOK + "/", 404),
        ("POST", "/v1/events/", 404),
        ("GET", HOOK, 405),
        ("PUT", EVENTS, 405),
        ("DELETE", EVENTS, 405),
    ],
)
def test_other_paths_and_methods_are_problems_too(sender: Sender, method: str, path: str, status: int) -> None:
    """Whoever calls wrongly reads where signals go."""
    answer = sender.client.request(method, path)

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert status != 405 or answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({"content_type": "text/plain"}, "application/json"),
        ({"content_type": ""}, "application/json"),
        ({"content_encoding": "br"}, "one of gzip, deflate"),
        ({"content_encoding": "gzip, gzip"}, "and one only"),
    ],
)
def test_what_cannot_be_read_is_named(sender: Sender, headers: dict[str, str], detail: str) -> None:
    """415 says what to send instead."""
    answer = sender.event(CREATED, **headers)

    assert answer.status_code == 415
    assert detail in answer.json()["detail"]


def test_json_may_name_its_character_set(sender: Sender) -> None:
    """Many clients write it though it means nothing (RFC 8259 §11)."""
    assert sender.event(CREATED, content_type="application/json; charset=utf-8").status_code == 200


@pytest.mark.parametrize("is_announced", [True, False])
def test_an_oversized_body_is_refused(
    with_settings: Callable[..., Sender], kept: KeptRecords, is_announced: bool
) -> None:
    """413 by its announced length, or as soon as more than the limit has come."""
    sender = with_settings(body_max_bytes=1000)
    body = b" " * 1001
    content: Any = body if is_announced else iter([body[:600], body[600:]])

    answer = sender.client.post(EVENTS, content=content, headers={"content-type": "application/json"})

    assert answer.status_code == 413
    assert "at most 1000 bytes" in answer.json()["detail"]


def test_a_body_of_exactly_the_limit_is_read(with_settings: Callable[..., Sender], kept: KeptRecords) -> None:
    """The limit itself is allowed."""
    body = json.dumps(CREATED).encode()

    assert with_settings(body_max_bytes=len(body)).event(body).status_code == 200


def test_too_many_items_are_refused(with_settings: Callable[..., Sender], kept: KeptRecords) -> None:
    """413: one request cannot keep the door busy for long."""
    answer = with_settings(items_max=2).event([CREATED] * 3)

    assert (answer.status_code, kept.records) == (413, [])
    assert answer.json()["detail"] == "at most 2 items a request, this one has 3"


@pytest.mark.parametrize("headers", [{"x_long": "a" * 20_000}, {f"x_{number}": "" for number in range(101)}])
def test_too_many_headers_are_refused(sender: Sender, headers: dict[str, str]) -> None:
    """431, by size and by count."""
    assert sender.event(CREATED, **headers).status_code == 431


def test_a_record_over_the_topics_limit_is_refused(with_settings: Callable[..., Sender], kept: KeptRecords) -> None:
    """413 with the sizes, not a broker's error."""
    sender = with_settings(body_max_bytes=4 * 1024 * 1024)

    answer = sender.event({**CREATED, "workspace_name": "x" * 1024 * 1024})

    assert (answer.status_code, kept.records) == (413, [])
    assert "comms.workspace.v1 takes" in answer.json()["errors"][0]["message"]


# -- what is not confirmed


@pytest.mark.parametrize("error", [UnconfirmedError("away"), RegistryDownError("away"), RuntimeError("secret")])
def test_what_is_not_confirmed_is_not_acknowledged(error: Exception) -> None:
    """503 with Retry-After, never 500, whatever the fault; the answer tells nothing of our inside."""
    hook = Counted()
    with AsgiClient(door(KeptRecords(error), hook=hook)) as client:
        answer = Sender(client).event(CREATED)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "away" not in answer.text
    assert "secret" not in answer.text
    assert "send it again" in answer.json()["detail"]
    assert [outcome for _, outcome in hook.signals] == [
        SignalOutcome.BUG if isinstance(error, RuntimeError) else SignalOutcome.UNCONFIRMED
    ]


def test_a_fault_in_reading_is_a_503_too(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before there is a signal."""

    def fail(_: bytes) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("workers.ingest.content.parse", fail)

    answer = sender.event(CREATED)

    assert (answer.status_code, "secret" in answer.text) == (503, False)


def test_an_unconfirmed_item_makes_the_array_unconfirmed() -> None:
    """503 with every item's state and id: the sender repeats the request, ids stay."""
    with AsgiClient(door(KeptRecords(UnconfirmedError("away")))) as client:
        answer = Sender(client).event([CREATED, {}])

    assert answer.status_code == 503
    assert [item["status"] for item in answer.json()["items"]] == ["unconfirmed", "refused"]
    assert answer.json()["items"][0]["event_id"]


def test_bodies_share_a_memory_limit(with_settings: Callable[..., Sender], kept: KeptRecords) -> None:
    """503 instead of an end by memory; what was taken is given back."""
    body = json.dumps(CREATED).encode()
    sender = with_settings(bodies_max_bytes=len(body))

    answers = [sender.event(one).status_code for one in (body + b" ", body, body + b" ", body)]

    assert answers == [503, 200, 503, 200]


def test_a_broker_that_is_away_and_comes_back(embedded: EmbeddedBroker) -> None:
    """503 with the event's id while it is away, 200 with the same id afterwards."""
    forwarder = Forwarder(embedded.bootstrap)
    config = producer_config({"bootstrap.servers": forwarder.address})
    producer = ConfirmedProducer(config, confirm_timeout_s=0.5)
    with AsgiClient(door(producer)) as client:
        sender = Sender(client)
        away = sender.event(CREATED)
        forwarder.open()
        eventually(lambda: not producer.trouble, 20, what="the broker was found again")
        back = sender.event(CREATED)
    producer.close()
    forwarder.close()

    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert (back.status_code, back.json()["event_id"]) == (200, away.json()["event_id"])
