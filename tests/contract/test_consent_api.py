"""GET /v1/consent/{customer}: read-only, authenticated as the webhook's sources are."""

from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter

from common.store.database import Database
from common.store.look_ups import LookUps
from tests.support.asgi import AsgiClient
from tests.support.clock import ManualClock
from tests.support.store import PSEUDONYMS, START_US, Events, applier
from workers.consent.api import ConsentApi
from workers.consent.config import ConsentApiSettings, ConsentSettings
from workers.ingest.auth import sign
from workers.ingest.auth_config import Auth

TOKEN = {"authorization": "Bearer of-the-print-run"}
CALLERS = TypeAdapter(dict[str, Auth]).validate_python(
    {"print": {"kind": "bearer", "tokens": ["of-the-print-run"]}, "batch": {"kind": "hmac", "secrets": ["shared"]}}
)


@pytest.fixture
def clock() -> ManualClock:
    """Stands at START."""
    return ManualClock()


@pytest.fixture
def door(database: Database, clock: ManualClock) -> Iterator[AsgiClient]:
    """The API over a store in which one customer objected to marketing, and their mailbox bounced."""
    worker, events = applier(database), Events()
    ada = {"customer_id": "C-1", "email": "ada@example.com"}
    batch = [
        events.wish("OPTED_OUT", -60, customer=ada, channel=None),
        events.wish("ON", -50, customer=None, kind="SUPPRESSION", purpose=None, address="ada@example.com"),
        events.make("preference", -40, ada, type="CHANGED", kind="PREFERRED_CHANNEL", preferred_channel="PRINT",
                    effective_at="2026-03-01T11:00:00Z", evidence="EXPLICIT"),
    ]  # fmt: skip
    worker.apply(worker.claim(0), batch, fresh_at=START_US)
    settings = ConsentSettings(api=ConsentApiSettings(callers=CALLERS))
    with AsgiClient(ConsentApi(settings, LookUps(database, PSEUDONYMS, 1), clock).app()) as client:
        yield client


def test_what_may_be_sent(door: AsgiClient) -> None:
    """By purpose and channel, with the reason of each refusal; the address of the profile counts."""
    answer = door.request("GET", "/v1/consent/C-1", headers=TOKEN)

    assert answer.status_code == 200
    body = answer.json()
    assert body["is_known"]
    assert body["preferred_channel"] == "PRINT"
    assert body["allowed"]["MARKETING"] == []
    assert body["allowed"]["SERVICE"] == ["PRINT", "WEB", "SMS", "PUSH"]
    assert body["refused"]["SERVICE"] == {"EMAIL": "SUPPRESSION ON"}
    assert answer.headers["cache-control"] == "no-store"


def test_a_customer_whom_nobody_knows(door: AsgiClient) -> None:
    """Is an answer: nothing that needs a yes."""
    body = door.request("GET", "/v1/consent/C-9", headers=TOKEN).json()

    assert (body["is_known"], body["allowed"]["MARKETING"]) == (False, [])


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}], ids=str)
def test_a_stranger_learns_nothing(door: AsgiClient, headers: dict[str, str]) -> None:
    """401, with the ways to prove oneself."""
    answer = door.request("GET", "/v1/consent/C-1", headers=headers)

    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]
    assert "C-1" not in answer.text


def test_a_signature_is_good_for_its_own_customer_only(door: AsgiClient, clock: ManualClock) -> None:
    """HMAC is over the request's target: whoever overhears one cannot ask for others."""
    at = int(clock.now().timestamp())
    headers = {"x-timestamp": str(at), "x-signature": sign("shared", at, b"/v1/consent/C-1")}

    assert door.request("GET", "/v1/consent/C-1", headers=headers).status_code == 200
    assert door.request("GET", "/v1/consent/C-2", headers=headers).status_code == 401


def test_an_old_answer_is_none(door: AsgiClient, clock: ManualClock) -> None:
    """503 with Retry-After: an objection may have come meanwhile."""
    clock.advance(31)

    answer = door.request("GET", "/v1/consent/C-1", headers=TOKEN)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "31 s behind" in answer.json()["detail"]


def test_a_store_that_is_away_is_a_503(clock: ManualClock) -> None:
    """Its address is not told."""
    away = Database("postgresql://commfleet:hunter2@127.0.0.1:1/none")
    settings = ConsentSettings(api=ConsentApiSettings(callers=CALLERS))
    with AsgiClient(ConsentApi(settings, LookUps(away, PSEUDONYMS, 1), clock).app()) as client:
        answer = client.request("GET", "/v1/consent/C-1", headers=TOKEN)

    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/v1/consent/C-1", 405), ("GET", "/v1/consent", 404), ("GET", "/", 404)]
)
def test_the_door_does_nothing_else(door: AsgiClient, method: str, path: str, status: int) -> None:
    """It only reads."""
    assert door.request(method, path, headers=TOKEN).status_code == status
