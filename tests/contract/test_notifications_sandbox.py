"""The sandbox messaging platform accepts, refuses and answers as the vendor page says."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.app import running
from sandbox.notifications.options import DEFAULT_CLIENT, DEFAULT_SECRET, DEFAULT_TENANT, OTHER_ACCOUNT, OTHER_PASSWORD
from tests.support.notifications import PAGE_EMAIL, PAGE_SMS, SandboxNotifications, sandbox_notifications

EMAILS, SMS, FAXES = (f"/mra/v1/outbound/{channel}" for channel in ("emails", "sms", "faxes"))
TOKEN = f"/tenants/{DEFAULT_TENANT}/oauth2/token"


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxNotifications]:
    with sandbox_notifications() as one:
        yield one


@pytest.fixture
def vendor(shared: SandboxNotifications) -> SandboxNotifications:
    shared.clear()
    return shared


def email(*addresses: str, **options: Any) -> dict[str, Any]:
    return {
        "options": {"email_options": {"subject": "s"}, **options},
        "destinations": [{"ref": f"u:{n}", "email": each} for n, each in enumerate(addresses or ("a@x.example",))],
        "body": [{"name": "body.txt", "type": "text", "charset": "UTF-8", "data": b64encode(b"hi").decode()}],
    }


def test_it_takes_the_page_s_own_requests(vendor: SandboxNotifications) -> None:
    """§2.1, §2.2: word for word; 200 and a job_id."""
    first = vendor.post(EMAILS, json.loads(PAGE_EMAIL))
    second = vendor.post(SMS, json.loads(PAGE_SMS))

    assert (first.status_code, first.json()) == (200, {"job_id": "xsi-1234567"})
    assert second.json()["job_id"].startswith("xsi2-")


def test_it_takes_a_fax(vendor: SandboxNotifications) -> None:
    """§2.3."""
    body = {"destinations": [{"fax": "004989123456"}], "documents": [{"name": "a", "type": "txt", "data": "aGk="}]}

    assert "job_id" in vendor.post(FAXES, body).json()


FAULTS: dict[str, dict[str, Any]] = {
    "no destinations": {"destinations": []},
    "a bad address": {"destinations": [{"email": "nobody"}]},
    "no address": {"destinations": [{"ref": "u:1"}]},
    "a body that is not base64": {"body": [{"type": "text", "data": "%%"}]},
    "a body not in its charset": {"body": [{"type": "text", "charset": "UTF-8", "data": "/w=="}]},
    "an unknown type": {"body": [{"type": "pdf", "data": ""}]},
    "no body": {"body": []},
    "a long id": {"options": {"message_id": "x" * 81}},
    "a subject of two lines": {"options": {"email_options": {"subject": "a\nb"}}},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_refuses_what_is_not_a_job(vendor: SandboxNotifications, fault: str) -> None:
    """§11: at least one destination, base64, an id within 80 characters."""
    assert vendor.post(EMAILS, email() | FAULTS[fault]).status_code == 400
    assert vendor.state()["jobs"] == {}


def test_it_says_no_as_http_does(vendor: SandboxNotifications) -> None:
    """§9: credentials, path, type, size and rate."""
    assert vendor.http.post(EMAILS, json=email()).status_code == 401
    assert vendor.http.post(EMAILS, json=email(), auth=("x", "y")).status_code == 401
    assert vendor.http.post(EMAILS, json=email(), headers={"authorization": "Basic %"}).status_code == 401
    assert vendor.post("/mra/v1/outbound/pigeons", email()).status_code == 404
    assert vendor.post("/mra/v1", email()).status_code == 404
    assert vendor.post(EMAILS, email(), **{"content-type": "text/plain"}).status_code == 415
    assert vendor.post(EMAILS, email(note="x" * 5_000_001)).status_code == 413
    vendor.quota(0, 3600)
    refused = vendor.post(EMAILS, email())
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)


def test_an_id_is_one_namespace_for_all_companies(vendor: SandboxNotifications) -> None:
    """§3: ours again is the first job, even with other content; another company's is 2051."""
    first = vendor.post(EMAILS, email(message_id="m-1")).json()
    again = vendor.post(EMAILS, email("b@x.example", message_id="m-1")).json()
    theirs = vendor.http.post(EMAILS, json=email(message_id="m-1"), auth=(OTHER_ACCOUNT, OTHER_PASSWORD))

    assert first == again
    assert (theirs.status_code, theirs.json()["ErrorCode"]) == (400, 2051)
    assert list(vendor.state()["inbox"]) == ["a@x.example"]


def test_the_submit_id_recognises_nothing(vendor: SandboxNotifications) -> None:
    """§1: X-MRA-SubmitId is for correlation only."""
    first, second = (vendor.post(EMAILS, email(), **{"x-mra-submitid": "s"}).json() for _ in range(2))

    assert first != second


def test_a_token_lives_as_long_as_it_says(vendor: SandboxNotifications) -> None:
    """§1, §11: 900 s; a wrong client gets the gateway's fault."""
    asked = {"client_id": DEFAULT_CLIENT, "client_secret": DEFAULT_SECRET, "grant_type": "client_credentials"}
    granted = vendor.http.post(TOKEN, json=asked).json()
    bearer = {"authorization": f"Bearer {granted['access_token']}"}

    assert granted["expires_in"] == 900
    assert vendor.http.post(EMAILS, json=email(), headers=bearer).status_code == 200
    vendor.set_clock(advance_s=901)
    assert vendor.http.post(EMAILS, json=email(), headers=bearer).status_code == 401
    assert vendor.http.post(TOKEN, json=asked | {"client_secret": "x"}).json() == {
        "fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}
    }


def test_status_progresses_and_says_what_became_of_each() -> None:
    """§4, §11: states as arrays, base64 names, outcomes by address, times an hour apart under one Z."""
    names = ["plain", "bounce", "optout", "hold", "error", "expire", "slow"]
    with sandbox_notifications() as vendor:
        sent = email(*(f"{name}@x.example" for name in names), customer_reference="evt:1")
        path = f"{EMAILS}/status?job_id={vendor.post(EMAILS, sent).json()['job_id']}"
        early = vendor.get(path).json()
        vendor.set_clock(advance_s=5)
        late = vendor.get(path.replace("?", "/?")).json()
        vendor.set_clock(advance_s=6 * 86_400)
        purged = vendor.get(path)

    attempts = {each["email"].partition("@")[0]: each["delivery_attempts"][0]["state"] for each in late["deliveries"]}
    assert early["job_state"] == ["Setup"]
    assert late["job_state"] == ["Complete", "Posted"]
    assert b64decode(late["customer_reference_base64"]) == b"evt:1"
    assert b64decode(late["deliveries"][0]["ref_base64"]) == b"u:0"
    assert attempts == {
        "plain": "Sent", "bounce": "Sent", "optout": "Sent", "hold": "Held", "error": "Error", "expire": "Expired",
        "slow": "InProcess",
    }  # fmt: skip
    events = {each["email"]: each["events"]["email_delivery_events"] for each in late["deliveries"]}
    assert events["bounce@x.example"]["dsn"]
    assert events["optout@x.example"]["opt_out"]
    assert late["deliveries"][0]["delivery_attempts"][0]["first_attempt"][14:] == late["entry_time"][14:]
    assert late["deliveries"][0]["delivery_attempts"][0]["first_attempt"] != late["entry_time"]
    assert (purged.status_code, purged.json()["ErrorCode"]) == (404, 2060)


def test_an_sms_is_confirmed(vendor: SandboxNotifications) -> None:
    """§4: events are a list there."""
    job_id = vendor.post(SMS, json.loads(PAGE_SMS)).json()["job_id"]
    vendor.set_clock(advance_s=10)

    (delivery,) = vendor.get(f"{SMS}/status?job_id={job_id}").json()["deliveries"]

    assert delivery["events"]["sms_delivery_events"][0]["status"] == "Confirmed"


def test_status_is_pushed_until_it_is_taken(vendor: SandboxNotifications) -> None:
    """§5, §11: the same schema, copies on demand, again while the answer is not 2xx; so are acknowledgements."""
    taken: list[Any] = []

    async def receive(request: Request) -> Response:
        taken.append(await request.json())
        return Response(status_code=503 if len(taken) == 1 else 200)

    job_id = vendor.post(EMAILS, email()).json()["job_id"]
    with running(Starlette(routes=[Route("/", receive, methods=["POST"])])) as url:
        pushed = vendor.http.post("/_sandbox/push", json={"url": url, "copies": 2, "shuffle": True}).json()
        spec = {"url": url, "secret": "s", "timestamp": 1, "body": {"action": "acknowledged"}}
        acknowledged = vendor.http.post("/_sandbox/acknowledge", json=spec).json()

    assert pushed == {"answers": [[503, 200], [200]]}
    assert [each.get("job_id") for each in taken] == [job_id] * 3 + [None]
    assert acknowledged == {"answer": 200}


def test_an_alert_system_checks_who_signs(vendor: SandboxNotifications) -> None:
    """§7.3: no signature, no alert."""
    body = {"id": "1", "severity": "high", "title": "t", "targets": [{"kind": "user", "value": "x"}]}

    assert vendor.http.post("/api/v1/notifications", json=body).status_code == 401
    assert vendor.http.get("/api/v1/notifications?externalId=1").json() == []
