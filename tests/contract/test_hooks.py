"""Every vendor's hook: who may send, what a bad item gets, what an answer says; nothing is lost on the way."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import pytest

from common.errors import UnconfirmedError
from common.kafka.producer import Outgoing
from tests.support.asgi import AsgiClient
from tests.support.hooks import KEEPING, VENDORS, Vendors
from tests.support.ingest import Counted, KeptRecords, door, webhook_config
from tests.support.signals import (
    ACKNOWLEDGEMENT,
    BATCH,
    BRAZE_SURVEY,
    CLICK,
    CUSTOM_EVENT,
    ECM,
    MARKETO,
    OPEN,
    STATUS,
    like,
)
from tests.unit.test_exstream_source import EMAIL_EVENT
from workers.ingest.hooks import SignalOutcome

DEAD = "comms.dlq.ingest.v1"
GOOD: dict[str, Any] = {
    "exstream": EMAIL_EVENT,
    "exstream-delivery": BATCH,
    "marketo": MARKETO,
    "currents": {"events": [OPEN]},
    "braze": BRAZE_SURVEY,
    "ecm": ECM,
    "notifications": STATUS,
}
BAD: dict[str, Any] = {
    "exstream": {"expctr": {}},
    "exstream-delivery": like(BATCH, batch={}),
    "marketo": {"leadId": ""},
    "currents": {"events": [like(OPEN, time="x")]},
    "braze": like(BRAZE_SURVEY, type=""),
    "ecm": like(ECM, workspace={}),
    "notifications": like(STATUS, job_id=""),
}
NAMES = tuple(VENDORS)


@pytest.fixture
def kept() -> KeptRecords:
    return KeptRecords()


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def make(kept: KeptRecords, counted: Counted) -> Iterator[Callable[..., Vendors]]:
    """Doors with every vendor's hook; settings of one source may be changed."""
    with ExitStack() as stack:

        def opened(**changes: dict[str, Any]) -> Vendors:
            sources = {name: {**source, **changes.get(name, {})} for name, source in VENDORS.items()}
            app = door(kept, webhook_config(sources=sources), counted)
            return Vendors(stack.enter_context(AsgiClient(app)))

        yield opened


@pytest.fixture
def vendors(make: Callable[..., Vendors]) -> Vendors:
    return make()


def headers(record: Outgoing) -> dict[str, str]:
    """As texts."""
    return {name: value.decode() for name, value in record.headers}


def letters(kept: KeptRecords) -> list[Outgoing]:
    """The dead letters among what was sent to Kafka."""
    return [record for record in kept.records if record.topic == DEAD]


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_is_acknowledged_once_it_is_stored(vendors: Vendors, kept: KeptRecords, name: str) -> None:
    """200 with a body that is not empty: Marketo takes an empty one for a failure."""
    answer = vendors.post(name, GOOD[name])

    assert answer.status_code == 200
    assert "stored" in answer.text
    assert kept.records
    assert letters(kept) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["missing", "wrong"])
def test_nobody_sends_in_a_vendors_name(vendors: Vendors, kept: KeptRecords, name: str, how: str) -> None:
    """401, also to a body that nobody can read: it is looked at first who sends."""
    key = {"bearer": "authorization", "basic": "authorization", "header": "x_secret", "hmac": "x_signature"}
    header = {key[VENDORS[name]["auth"]["kind"]]: "" if how == "missing" else "Bearer no"}

    answers = [vendors.post(name, body, **header) for body in (GOOD[name], b"{", b"")]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert kept.records == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_bad_signal_gets_is_by_what_its_vendor_does_with_an_error(
    vendors: Vendors, kept: KeptRecords, counted: Counted, name: str
) -> None:
    """Who mends and sends again is refused; who never sends again is answered 2xx, and the signal kept."""
    answer = vendors.post(name, BAD[name])

    is_kept = name in KEEPING
    assert answer.status_code == (200 if is_kept else 400)
    assert len(letters(kept)) == len(kept.records) == (1 if is_kept else 0)
    assert counted.signals == [(name, SignalOutcome.KEPT if is_kept else SignalOutcome.INVALID)]
    assert '"field"' in answer.text


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_say_otherwise(make: Callable[..., Vendors], kept: KeptRecords, name: str) -> None:
    """`on_bad` is the site's: some have an intermediary that keeps what is refused."""
    other = {"on_bad": "refuse" if name in KEEPING else "keep"}

    answer = make(**{name: other}).post(name, BAD[name])

    assert (answer.status_code, bool(kept.records)) == ((400, False) if name in KEEPING else (200, True))


def test_a_dead_letter_says_what_and_why(vendors: Vendors, kept: KeptRecords) -> None:
    """The bytes of the signal, whose it is, and every fault by its field; nothing of its values in the headers."""
    vendors.post("marketo", like(MARKETO, leadId="", customerId="", form="secret"))

    (letter,) = letters(kept)
    told = headers(letter)
    assert json.loads(letter.value)["form"] == "secret"
    assert (told["dlq.source"], told["dlq.way"], told["dlq.holds"]) == ("marketo", "webhook", "item")
    assert (told["dlq.reason"], told["dlq.worker"]) == ("invalid_signal", "test")
    assert told["dlq.detail"].startswith("leadId: is required")
    assert "secret" not in str(told)


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": 1, "a": 2}', b'"text"', b"5"])
def test_a_body_that_nobody_can_read_is_kept_whole(vendors: Vendors, kept: KeptRecords, name: str, body: bytes) -> None:
    """Byte by byte: a refusal would lose it, and an error be answered with the same again."""
    answer = vendors.post(name, body)

    assert (answer.status_code, answer.json()["status"]) == (200, "kept")
    assert [letter.value for letter in letters(kept)] == [body]


def test_a_body_in_another_coding_is_kept_with_its_coding(vendors: Vendors, kept: KeptRecords) -> None:
    """So that it can be read again."""
    torn = gzip.compress(json.dumps(MARKETO).encode())[:-9]

    for coding in ("gzip", "br"):
        assert vendors.post("marketo", torn, content_encoding=coding).json()["status"] == "kept"

    assert [headers(letter)["dlq.content_encoding"] for letter in letters(kept)] == ["gzip", "br"]
    assert {letter.value for letter in letters(kept)} == {torn}


def test_a_batch_with_one_bad_item_keeps_it_and_stores_the_others(vendors: Vendors, kept: KeptRecords) -> None:
    """Currents: any 2xx acknowledges all of it, a 400 would have it torn apart and the bad one dropped (§3.1)."""
    batch = {"events": [OPEN, like(OPEN, time="x"), {"odd": 1}, CLICK]}

    answer = vendors.post("currents", batch)

    assert answer.status_code == 200
    assert [item["status"] for item in answer.json()["items"]] == ["stored", "kept", "kept", "stored"]
    assert [record.topic for record in kept.records] == ["comms.engagement.v1", DEAD, DEAD, "comms.engagement.v1"]


@pytest.mark.parametrize("body", [b"", b"  ", b'{"events": []}'])
def test_the_probe_of_currents_is_answered(vendors: Vendors, kept: KeptRecords, body: bytes) -> None:
    """Zero events, or no body at all: it is only the credentials that are tried (§3.1)."""
    assert vendors.post("currents", body).status_code == 200
    assert vendors.post("currents", body, authorization="Bearer no").status_code == 401
    assert kept.records == []


@pytest.mark.parametrize("body", [{"event": []}, [OPEN], {"events": {}}])
def test_a_batch_without_its_envelope_is_kept_whole(vendors: Vendors, kept: KeptRecords, body: Any) -> None:
    """Nothing of it can be told apart."""
    assert vendors.post("currents", body).json()["status"] == "kept"
    assert [headers(letter)["dlq.holds"] for letter in letters(kept)] == ["body"]


def test_what_has_no_word_of_ours_is_stored_and_counted(vendors: Vendors, counted: Counted) -> None:
    """A good envelope of something new is never refused, nor is it dropped."""
    answer = vendors.post("currents", {"events": [CUSTOM_EVENT]})

    assert answer.json()["items"][0]["status"] == "stored"
    assert counted.unknown_types == ["currents"]


def test_what_another_feed_tells_is_acknowledged_and_passed_over(
    vendors: Vendors, kept: KeptRecords, counted: Counted
) -> None:
    """The vendor has done its part; nobody counts it twice."""
    answer = vendors.post("notifications", like(STATUS, customer_reference_base64=""))

    assert (answer.status_code, answer.json()["status"]) == (200, "passed_over")
    assert (kept.records, counted.signals) == ([], [("notifications", SignalOutcome.PASSED_OVER)])


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "application/vnd.odd"])
def test_a_vendors_content_type_is_whatever_somebody_typed(
    vendors: Vendors, kept: KeptRecords, content_type: str
) -> None:
    """Marketo's is a custom header of the customer's: JSON and forms are told apart by their bodies (§2.13)."""
    form = urlencode({name: value for name, value in MARKETO.items() if name != "schema"}).encode()

    answers = [vendors.post("marketo", body, content_type=content_type) for body in (MARKETO, form)]

    expected = ["stored", "kept" if content_type == "application/json" else "stored"]
    assert [answer.json()["status"] for answer in answers] == expected
    assert kept.records[0].topic == "comms.engagement.v1"


def test_a_form_is_the_same_call(vendors: Vendors) -> None:
    """Same person, same campaign, same time: one id, however it is encoded."""
    form = urlencode(MARKETO).encode()

    answers = [
        vendors.post("marketo", MARKETO),
        vendors.post("marketo", form, content_type="application/x-www-form-urlencoded"),
    ]

    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("form", [b"a=%ff", b"&".join(b"a%d=1" % number for number in range(1500))])
def test_a_form_that_is_none_is_kept_whole(vendors: Vendors, kept: KeptRecords, form: bytes) -> None:
    """Not UTF-8, or without end."""
    answer = vendors.post("marketo", form, content_type="application/x-www-form-urlencoded")

    assert answer.json()["status"] == "kept"
    assert letters(kept)[0].value == form


@pytest.mark.parametrize("name", ["exstream", "ecm", "notifications", "braze"])
def test_an_object_or_an_array(vendors: Vendors, kept: KeptRecords, name: str) -> None:
    """Both are seen, or may be."""
    one, many = vendors.post(name, GOOD[name]), vendors.post(name, [GOOD[name], GOOD[name]])

    assert (one.status_code, many.status_code) == (200, 200)
    assert len({item["event_id"] for item in many.json()["items"]} | {one.json()["event_id"]}) == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["good", "bad", "unreadable"])
def test_what_is_not_confirmed_is_not_acknowledged(name: str, kind: str) -> None:
    """503 with Retry-After while Kafka is away, for a dead letter as for an event; never 500."""
    body: Any = {"good": GOOD[name], "bad": BAD[name], "unreadable": b"{"}[kind]
    app = door(KeptRecords(UnconfirmedError("away")), webhook_config(sources=VENDORS))
    with AsgiClient(app) as client:
        answer = Vendors(client).post(name, body)

    is_refused = kind != "good" and name not in KEEPING
    assert answer.status_code == (400 if is_refused else 503)
    assert is_refused or answer.headers["retry-after"] == "5"


def test_our_own_fault_keeps_the_signal_where_it_would_not_come_back(
    vendors: Vendors, kept: KeptRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is repeated for days because of one event that we stumble over would lose its neighbours."""

    def stumble(*_: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr("workers.ingest.sources.braze_currents._engagement", stumble)

    answer = vendors.post("currents", {"events": [OPEN, CUSTOM_EVENT]})

    assert [item["status"] for item in answer.json()["items"]] == ["kept", "stored"]
    assert [headers(letter)["dlq.reason"] for letter in letters(kept)] == ["bug"]
    assert "secret" not in answer.text


def test_a_signal_that_says_two_things_is_stored_with_both_or_not_at_all() -> None:
    """The second one fails: the first comes again with it, under the same id."""

    class Fails(KeptRecords):
        """Loses every preference."""

        def _keep(self, record: Outgoing) -> Any:
            if record.topic == "comms.preference.v1":
                raise UnconfirmedError("away")
            return super()._keep(record)

    with AsgiClient(door(Fails(), webhook_config(sources=VENDORS))) as client:
        answer = Vendors(client).post("exstream", EMAIL_EVENT)

    assert answer.status_code == 503
    assert answer.json()["event_id"]


def test_an_acknowledgement_comes_by_the_same_hook(vendors: Vendors, kept: KeptRecords) -> None:
    """A site's own alert system, beside the platform."""
    assert vendors.post("notifications", ACKNOWLEDGEMENT).json()["status"] == "stored"
    assert kept.records[0].key == b"batch:4711:failed"


def test_an_order_of_signals_is_kept(vendors: Vendors, kept: KeptRecords) -> None:
    """Of one request: late ones carry their own time, and the same ids whatever the order."""
    batch = [like(OPEN, id=f"id-{number}", time=1000 - number) for number in range(50)]

    first = vendors.post("currents", {"events": batch}).json()["items"]
    second = vendors.post("currents", {"events": batch[::-1]}).json()["items"]

    assert [item["event_id"] for item in first] == [item["event_id"] for item in second][::-1]
    assert [headers(record)["ce_id"] for record in kept.records[:50]] == [item["event_id"] for item in first]
