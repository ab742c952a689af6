"""The sandbox Marketo accepts and answers what the vendor page shows, and refuses what Marketo refuses."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from sandbox.marketo.options import DEFAULT_CLIENT, PERMISSIONS, ActivityKind, Campaign, Service
from tests.support.marketo import SandboxMarketo, sandbox_marketo

LEADS = "/rest/v1/leads.json"
ACTIVITY = {
    "leadId": 0,
    "activityDate": "2026-11-20T09:15:00Z",
    "activityTypeId": 100001,
    "primaryAttributeValue": "order-7781",
    "attributes": [{"apiName": "orderTotal", "value": "99.90"}, {"apiName": "eventId", "value": "01JD"}],
}


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxMarketo]:
    campaigns = {3712: Campaign(qualification="once"), 5: Campaign(type="batch"), 6: Campaign(nested=True)}
    activities = {
        100001: ActivityKind(attributes=frozenset({"orderTotal", "eventId"})),
        2: ActivityKind(approved=False),
    }
    with sandbox_marketo(campaigns=campaigns, lists={7: "Save"}, activities=activities) as one:
        yield one


@pytest.fixture
def marketo(shared: SandboxMarketo) -> SandboxMarketo:
    """The shared sandbox, emptied."""
    shared.clear()
    return shared


def codes(answer: dict[str, Any]) -> list[str]:
    """Of a refusal of the whole request."""
    assert answer["success"] is False
    return [error["code"] for error in answer["errors"]]


def row_codes(answer: dict[str, Any], key: str = "reasons") -> list[str]:
    """Of each row: its status, or the code that it was skipped with."""
    return [row[key][0]["code"] if row["status"] == "skipped" else row["status"] for row in answer["result"]]


def sync(marketo: SandboxMarketo, *rows: Any, **more: Any) -> dict[str, Any]:
    return dict(marketo.call("POST", LEADS, json={"input": list(rows), **more}))


# -- the token (§1) -----------------------------------------------------------------------------


def test_the_token_of_the_page(marketo: SandboxMarketo) -> None:
    """§1: GET or POST; the same token until its end; the fields and headers of the page."""
    query = {"grant_type": "client_credentials", "client_id": DEFAULT_CLIENT, "client_secret": "sandbox-only-secret"}

    response = httpx.get(f"{marketo.url}/identity/oauth/token", params=query, trust_env=False)

    assert response.json()["access_token"] == marketo.token()
    assert response.json() | {"access_token": "", "expires_in": 3599} == {
        "access_token": "",
        "token_type": "bearer",
        "expires_in": 3599,
        "scope": "api-user@customer.example",
    }
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")
    bad = httpx.get(f"{marketo.url}/identity/oauth/token", params={**query, "client_secret": "x"}, trust_env=False)
    assert (bad.status_code, bad.json()) == (
        401,
        {"error": "invalid_client", "error_description": "Bad client credentials"},
    )


def test_a_token_that_has_ended_is_602_then_601(marketo: SandboxMarketo) -> None:
    """§1, §7.2: missing and in the address are 603, unknown is 601."""
    token = marketo.token()
    marketo.quota("token", 0)

    def ask(**headers: str) -> list[str]:
        return codes(httpx.get(f"{marketo.url}{LEADS}?access_token=x", headers=headers, trust_env=False).json())

    old = {"authorization": f"Bearer {token}"}
    assert [ask(**old), ask(**old), ask(), ask(authorization="Bearer x")] == [["602"], ["601"], ["603"], ["601"]]
    assert marketo.token() != token


def test_a_token_ends_by_the_sandbox_s_clock() -> None:
    """§1: 3,600 seconds."""
    with sandbox_marketo() as marketo:
        token = marketo.token()
        marketo.set_clock(advance_s=3590)
        assert marketo.token() == token
        marketo.set_clock(advance_s=11)
        assert marketo.token() != token


def test_permissions_are_a_role_s() -> None:
    """§1: 603 for a call that the role lacks."""
    services = {DEFAULT_CLIENT: Service(permissions=PERMISSIONS - {"Execute Campaign"})}
    with sandbox_marketo(services=services) as marketo:
        assert codes(marketo.call("POST", "/rest/v1/campaigns/1/trigger.json", json={})) == ["603"]


# -- the envelope (§0) --------------------------------------------------------------------------


def test_the_envelope_of_the_page(marketo: SandboxMarketo) -> None:
    """§0.1: requestId as hex#hex, text codes, no empty arrays, always 200."""
    good, bad = sync(marketo, {"email": "ada@example.com"}), marketo.call("GET", "/rest/v1/nowhere.json")

    assert set(good) == {"requestId", "success", "result"}
    assert re.fullmatch(r"[0-9a-f]+#[0-9a-f]+", good["requestId"])
    assert bad | {"requestId": ""} == {
        "requestId": "",
        "success": False,
        "errors": [{"code": "610", "message": "Requested resource not found"}],
    }


def test_what_is_not_a_request_is_refused(marketo: SandboxMarketo) -> None:
    """§7.4: 612, 609, 605, 610 for two slashes, and HTTP 413 and 414."""
    headers = {"authorization": f"Bearer {marketo.token()}", "content-type": "application/json"}

    def status(method: str, path: str, **options: Any) -> int:
        options = {"headers": headers} | options
        return httpx.request(method, marketo.url + path, trust_env=False, **options).status_code

    assert codes(marketo.call("POST", LEADS, content=b"{}", headers={"content-type": "text/plain"})) == ["612"]
    assert codes(marketo.call("POST", LEADS, content=b"{", headers={"content-type": "application/json"})) == ["609"]
    assert codes(marketo.call("PUT", LEADS, json={})) == ["605"]
    assert codes(marketo.call("GET", "/rest//v1/leads.json")) == ["610"]
    assert status("POST", LEADS, content=b"x" * (1024 * 1024 + 1)) == 413
    assert status("GET", f"{LEADS}?filterValues={'x' * 9000}") == 414
    assert status("GET", "/nowhere") == 404


# -- limits (§3) --------------------------------------------------------------------------------


def test_a_hundred_calls_in_twenty_seconds() -> None:
    """§3: a sliding window; the words of the page; refusals of tokens are not charged."""
    with sandbox_marketo() as marketo:
        marketo.set_clock(now="2026-11-20T09:00:00Z", frozen=True)
        for _ in range(100):
            assert marketo.call("GET", "/rest/v1/stats/usage.json")["success"]
        refused = marketo.call("GET", "/rest/v1/stats/usage.json")
        marketo.set_clock(advance_s=20)

        assert refused["errors"] == [{"code": "606", "message": "Max rate limit '100' exceeded with in '20' secs"}]
        assert marketo.call("GET", "/rest/v1/stats/usage.json")["success"]


def test_ten_calls_at_once() -> None:
    """§3: the eleventh is 615."""
    with sandbox_marketo(latency_s=0.3) as marketo:
        token = marketo.token()

        def ask(_: int) -> Any:
            headers = {"authorization": f"Bearer {token}"}
            path = f"{marketo.url}/rest/v1/stats/usage.json"
            return httpx.get(path, headers=headers, trust_env=False, timeout=10).json()

        with ThreadPoolExecutor(14) as pool:
            answers = list(pool.map(ask, range(14)))

        refused = {code for answer in answers if not answer["success"] for code in codes(answer)}
        assert refused <= {"615"}
        assert marketo.state()["most_at_once"] <= 10


def test_the_day_s_quota_ends_at_midnight_central_time() -> None:
    """§3: 607 until then; usage tells the count."""
    with sandbox_marketo(per_day=2) as marketo:
        marketo.set_clock(now="2026-11-20T05:59:00Z", frozen=True)
        usage = [marketo.call("GET", "/rest/v1/stats/usage.json") for _ in range(3)]
        marketo.set_clock(now="2026-11-20T06:01:00Z", frozen=True)

        assert [each["result"][0]["total"] for each in usage[:2]] == [1, 2]
        assert codes(usage[2]) == ["607"]
        assert marketo.call("GET", "/rest/v1/stats/usage.json")["result"][0]["date"] == "2026-11-20"


# -- leads (§2.1, §2.2) -------------------------------------------------------------------------


def test_the_mixed_outcome_of_the_page(marketo: SandboxMarketo) -> None:
    """§2.1: rows in the order of the input, without an id where skipped; e-mail whatever its case."""
    sync(marketo, {"email": "twice@example.com"}, action="createDuplicate")
    sync(marketo, {"email": "twice@example.com"}, action="createDuplicate")
    sync(marketo, {"email": "Ada@Example.com"})

    answer = sync(
        marketo,
        {"email": "ada@example.com", "firstName": "Ada", "customerNumber": "C-1001", "leadScore": 40},
        {"email": "bob@example.com", "firstName": None},
        {"email": "twice@example.com"},
        {"email": "cyd@example.com", "unsubscribed": "other"},
    )

    assert row_codes(answer) == ["updated", "created", "1007", "1003"]
    assert [set(row) for row in answer["result"][2:]] == [{"status", "reasons"}] * 2
    assert answer["result"][2]["reasons"] == [{"code": "1007", "message": "Multiple leads match the lookup criteria"}]


def test_modes_and_fields_of_a_sync(marketo: SandboxMarketo) -> None:
    """§2.1: 1003, 1004, 1005, 1006, 1008, 1011, 1021, and the cap of 300."""
    sync(marketo, {"email": "a@x.example"})

    assert row_codes(sync(marketo, {"email": "b@x.example"}, action="updateOnly")) == ["1004"]
    assert row_codes(sync(marketo, {"email": "a@x.example"}, action="createOnly")) == ["1005"]
    assert row_codes(sync(marketo, {"email": "a@x.example", "nope": 1}, {"firstName": "x"})) == ["1006", "1003"]
    assert row_codes(sync(marketo, {"email": "a@x.example", "company": "x"})) == ["1021"]
    assert codes(sync(marketo, {"xyz": 1}, lookupField="xyz")) == ["1006"]
    assert codes(sync(marketo, {"firstName": "x"}, lookupField="firstName")) == ["1011"]
    assert codes(sync(marketo, {"id": 1}, lookupField="id", action="createOnly")) == ["1003"]
    assert codes(sync(marketo, {"email": "a@x.example"}, partitionName="Mars")) == ["1008"]
    assert codes(sync(marketo, *({"email": f"{n}@x.example"} for n in range(301)))) == ["1003"]


def test_overlapping_upserts_make_duplicates() -> None:
    """§2.1: the upsert is a look-up and a write without a lock."""
    with sandbox_marketo(race=True, latency_s=0.2) as marketo, ThreadPoolExecutor(2) as pool:
        marketo.token()
        list(pool.map(lambda _: sync(marketo, {"email": "a@x.example"}), range(2)))

        assert len(marketo.state()["leads"]) == 2


def test_leads_are_read_by_a_get_and_by_a_post_that_reads(marketo: SandboxMarketo) -> None:
    """§0, §2.2: requested fields, null where empty; nothing found is a success."""
    (number,) = marketo.put("C-1", firstName="Ada")
    query = {"filterType": "customerNumber", "filterValues": "c-1,C-2", "fields": "id,firstName,email"}

    answers = [
        marketo.call("GET", LEADS, params=query),
        marketo.call("POST", f"{LEADS}?_method=GET", data=query),
    ]

    assert [each["result"] for each in answers] == [[{"id": number, "firstName": "Ada", "email": None}]] * 2
    assert marketo.call("GET", LEADS, params={**query, "filterValues": "no"})["result"] == []
    assert codes(marketo.call("GET", LEADS, params={**query, "filterType": "xyz"})) == ["1006"]


def test_a_durable_unsubscribe_outlives_its_person(marketo: SandboxMarketo) -> None:
    """§6: the address is opted out; creating a person for it with false changes nothing."""
    rows = sync(marketo, {"email": "a@x.example", "unsubscribed": True})["result"]
    marketo.call("POST", "/rest/v1/leads/delete.json", json={"input": [{"id": rows[0]["id"]}]})
    sync(marketo, {"email": "a@x.example", "unsubscribed": False})

    (lead,) = marketo.state()["leads"].values()
    assert lead["unsubscribed"] is True


# -- activities, campaigns, lists, objects ------------------------------------------------------


def test_the_activities_of_the_page(marketo: SandboxMarketo) -> None:
    """§2.4: appended always; failed rows say `errors`; unapproved types, attributes and sizes are checked."""
    (number,) = marketo.put("C-1")
    good = {**ACTIVITY, "leadId": number}
    large = [{"apiName": "eventId", "value": "x" * 65_536}]
    rows = [
        good, good, {**good, "leadId": 9}, {**good, "activityTypeId": 2}, {**good, "attributes": large},
        {**good, "attributes": [{"apiName": "nope", "value": ""}]}, {"leadId": number},
    ]  # fmt: skip

    answer = marketo.call("POST", "/rest/v1/activities/external.json", json={"input": rows})

    assert row_codes(answer, "errors") == ["added", "added", "1004", "1003", "1049", "1006", "1002"]
    assert set(answer["result"][0]) == {"id", "marketoGUID", "status"}
    assert answer["result"][2] == {"status": "skipped", "errors": [{"code": "1004", "message": "Lead not found"}]}


def test_activities_are_read_from_a_token_on(marketo: SandboxMarketo) -> None:
    """§2.10: always a next token; only the types asked for; changes by field; deletions."""
    first = marketo.call(
        "GET", "/rest/v1/activities/pagingtoken.json", params={"sinceDatetime": "2026-01-01T00:00:00Z"}
    )
    (number,) = marketo.put("C-1", firstName="Ada")
    query = {"nextPageToken": first["nextPageToken"], "activityTypeIds": "12,13", "batchSize": "2"}

    page = marketo.call("GET", "/rest/v1/activities.json", params=query)
    rest = marketo.call("GET", "/rest/v1/activities.json", params={**query, "nextPageToken": page["nextPageToken"]})
    changes = marketo.call("GET", "/rest/v1/activities/leadchanges.json", params={**query, "fields": "firstName"})

    assert [row["activityTypeId"] for row in page["result"] + rest["result"]] == [12, 13, 13]
    assert (page["moreResult"], rest["moreResult"]) == (True, False)
    assert {row["leadId"] for row in page["result"]} == {number}
    assert all(row["fields"][0]["name"] == "firstName" for row in changes["result"])
    assert codes(marketo.call("GET", "/rest/v1/activities.json", params={**query, "nextPageToken": "x"})) == ["1003"]


def test_dates_come_in_two_forms() -> None:
    """§0: with Z, or with an offset without colon."""
    with sandbox_marketo(offset_dates=True) as marketo:
        since = {"sinceDatetime": "2026-01-01T00:00:00Z"}
        first = marketo.call("GET", "/rest/v1/activities/pagingtoken.json", params=since)
        marketo.put("C-1", firstName="Ada")
        query = {"nextPageToken": first["nextPageToken"], "activityTypeIds": "12,13"}

        rows = marketo.call("GET", "/rest/v1/activities.json", params=query)["result"]
        assert {row["activityDate"][19:] for row in rows} == {"Z", "+0000"}


def test_the_campaign_request_of_the_page(marketo: SandboxMarketo) -> None:
    """§2.5: the campaign's id; unknown 1013, batch 1003, nested with tokens 611; a second run is a silent nothing."""
    (number,) = marketo.put("C-1")
    asked = {"input": {"leads": [{"id": number}], "tokens": [{"name": "{{my.subjectLine}}", "value": "shipped"}]}}

    def trigger(campaign: int, body: Any = asked) -> Any:
        return marketo.call("POST", f"/rest/v1/campaigns/{campaign}/trigger.json", json=body)

    assert [trigger(3712)["result"], trigger(3712)["result"]] == [[{"id": 3712}]] * 2
    assert [run["qualified"] for run in marketo.state()["runs"]] == [True, False]
    assert [codes(trigger(each)) for each in (404, 5, 6)] == [["1013"], ["1003"], ["611"]]
    assert codes(trigger(3712, {"input": {"leads": [{"id": 9}]}})) == ["1004"]
    assert codes(trigger(3712, {"input": {"leads": [{"id": number}] * 101}})) == ["1003"]


def test_the_list_changes_of_the_page(marketo: SandboxMarketo) -> None:
    """§2.8: added again, removed, 1015, 1004; by query or by body; an unknown list is 1013."""
    (number,) = marketo.put("C-1")
    path, body = "/rest/v1/lists/7/leads.json", {"input": [{"id": number}, {"id": 9}]}
    headers = {"content-type": "application/json"}

    added = [marketo.call("POST", path, json=body) for _ in range(2)]
    removed = [marketo.call("DELETE", f"{path}?id={number}", headers=headers) for _ in range(2)]

    assert [row_codes(each) for each in added] == [["added", "1004"]] * 2
    assert [row_codes(each) for each in removed] == [["removed"], ["1015"]]
    assert removed[1]["result"] == [{"status": "skipped", "reasons": [{"code": "1015", "message": "Lead not in list"}]}]
    assert codes(marketo.call("POST", "/rest/v1/lists/8/leads.json", json=body)) == ["1013"]


def test_the_custom_objects_of_the_page(marketo: SandboxMarketo) -> None:
    """§2.7: rows with seq and marketoGUID; a key twice is 1036, a link to nobody 1004."""
    marketo.put("C-1")
    path = "/rest/v1/customobjects/communication_c.json"
    one = {"documentId": "7781", "customerNumber": "C-1", "sentAt": "2026-11-20T09:15:00Z"}
    rows = [one, {**one, "documentId": "7782", "customerNumber": "C-9"}]

    def put(*rows: Any, **more: Any) -> Any:
        return marketo.call("POST", path, json={"dedupeBy": "dedupeFields", "input": list(rows), **more})

    answer = put(*rows)
    assert row_codes(answer) == ["created", "1004"]
    assert [row["seq"] for row in answer["result"]] == [0, 1]
    assert row_codes(put(one)) == ["updated"]
    assert row_codes(put(one, one)) == ["1036", "1036"]
    assert row_codes(put({"status": "x"}, {"documentId": "1", "nope": 1})) == ["1002", "1006"]
    assert codes(marketo.call("POST", "/rest/v1/customobjects/nope_c.json", json={"input": [one]})) == ["1013"]
    gone = "/rest/v1/customobjects/communication_c/delete.json"
    assert row_codes(marketo.call("POST", gone, json={"input": [one, one]})) == ["deleted", "1013"]
