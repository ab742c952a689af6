"""The sandbox Content Server: what the vendor page documents, it accepts, answers and refuses (§19)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from sandbox.app import create, running
from sandbox.ecm.options import DEFAULT_PASSWORD, DEFAULT_USER

SEED = (("SF", "Account", "0015x"),)
V2 = "/otcs/cs/api/v2"


@contextmanager
def server(**options: Any) -> Iterator[httpx.Client]:
    """A client of a fresh sandbox, logged in."""
    with (
        running(create("ecm", workspaces=SEED, **options)) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=5) as client,
    ):
        login = client.post("/otcs/cs/api/v1/auth", data={"username": DEFAULT_USER, "password": DEFAULT_PASSWORD})
        client.headers["OTCSTicket"] = login.json()["ticket"]
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with server() as one:
        yield one


def workspace(client: httpx.Client) -> int:
    found = client.get(f"{V2}/externalsystems/SF/botypes/Account/boids/0015x").json()
    return int(found["results"][0]["data"]["properties"]["id"])


def child(client: httpx.Client, name: str) -> int:
    rows = client.get(f"{V2}/nodes/{workspace(client)}/nodes", params={"where_name": name}).json()["results"]
    return int(rows[0]["data"]["properties"]["id"])


def body(**values: Any) -> dict[str, str]:
    return {"body": json.dumps(values)}


def upload(client: httpx.Client, name: str, *, version: str = "v2", **more: Any) -> httpx.Response:
    fields = body(type=144, parent_id=child(client, "Letters"), name=name, **more)
    return client.post(f"/otcs/cs/api/{version}/nodes", data=fields, files={"file": (name, b"x", "text/plain")})


def test_ping_is_open_and_the_rest_is_not(client: httpx.Client) -> None:
    """§1, §2.1: the 401's body, verbatim; the ticket counts as header of any case, and as cookie."""
    assert client.get("/otcs/cs/api/v1/ping", headers={"OTCSTicket": ""}).json().keys() == {"build", "href", "version"}
    refused = client.get(f"{V2}/nodes/2000", headers={"OTCSTicket": "stale"})
    assert (refused.status_code, refused.json()) == (401, {"error": "Authentication Required"})
    ticket = client.headers["OTCSTicket"]
    assert client.get(f"{V2}/nodes/2000", headers={"otcsticket": ticket}).status_code == 200
    by_cookie = client.get(f"{V2}/nodes/2000", headers={"OTCSTicket": "", "cookie": f"LLCookie={ticket}"})
    assert by_cookie.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        ({"username": "x", "password": "y"}, 401, "Invalid username/password specified"),
        ({"password": "y"}, 500, "Argument username is required"),
        ({"username": "x"}, 500, "Argument password is required"),
    ],
)
def test_log_ins_are_refused_in_the_page_s_words(
    client: httpx.Client, form: dict[str, str], status: int, text: str
) -> None:
    """§2.1."""
    answer = client.post("/otcs/cs/api/v1/auth", data=form)

    assert (answer.status_code, answer.json()["error"]) == (status, text)


def test_tickets_end_by_idleness_and_roll() -> None:
    """§2.1: an idle time, and a fresh ticket in each answer's header."""
    with server(ticket_idle_s=60, roll_tickets=True) as client:
        fresh = client.get("/otcs/cs/api/v1/auth").headers["OTCSTicket"]
        assert client.get("/otcs/cs/api/v1/auth", headers={"OTCSTicket": fresh}).status_code == 200
        client.post("/_sandbox/clock", json={"advance_s": 61})
        assert client.get("/otcs/cs/api/v1/auth").status_code == 401


def test_a_json_body_is_not_understood(client: httpx.Client) -> None:
    """§3, §19: forms only."""
    answer = client.post(f"{V2}/nodes", json={"type": 0, "parent_id": 2000, "name": "x"})

    assert answer.status_code == 400
    assert "Missing required parameter" in answer.json()["error"]


def test_the_direct_look_up_of_the_page(client: httpx.Client) -> None:
    """§5.1: paging at the top level, properties below results[].data."""
    answer = client.get(f"{V2}/externalsystems/SF/botypes/Account/boids/0015x").json()

    assert answer["paging"] == {
        "limit": 500, "page": 1, "page_total": 1, "range_min": 1, "range_max": 1, "total_count": 1,
    }  # fmt: skip
    properties = answer["results"][0]["data"]["properties"]
    assert (properties["type"], properties["type_name"]) == (848, "Business Workspace")
    assert (properties["wnf_wksp_type_id"], properties["wnf_wksp_template_id"]) == (16, 15615)
    assert answer["wksp_info"] == {"wksp_type_icon": None}


def test_a_list_that_is_not_expanded_shows_our_own_only() -> None:
    """§5.1: the trap that looks like "there is none"."""
    with server() as client:
        query = {"where_ext_system_id": "SF", "where_bo_type": "Account", "where_bo_id": "0015x"}
        assert client.get(f"{V2}/businessworkspaces", params=query).json()["paging"]["total_count"] == 0
        query["expanded_view"] = "true"
        assert client.get(f"{V2}/businessworkspaces", params=query).json()["paging"]["total_count"] == 1


def test_the_workspace_of_the_page_is_created() -> None:
    """§6: nested categories, ids as text; the id is results.id; a template's tree comes along."""
    with server() as client:
        answer = client.post(
            f"{V2}/businessworkspaces",
            data=body(
                template_id="15615", wksp_type_id="16", type="848", name="0015x - Acme", description="created",
                ext_system_id="SF", bo_type="Account", bo_id="0015x00001", parent_id=None,
                external_create_date="2026-01-31", external_modify_date="2026-01-31",
                roles={"categories": {"9830": {"9830_2": "Draft", "9830_5": ["a", "b"]},
                                      "9840": {"9840_3_1_3": "row1"}}},
            ),
        ).json()  # fmt: skip

        assert answer["results"].keys() == {"direct_open", "id", "sub_folder_id"}
        shown = client.get("/_sandbox/state").json()["nodes"][str(answer["results"]["id"])]
        assert shown["categories"]["9830"]["9830_5"] == ["a", "b"]
        assert shown["categories"]["9840"]["9840_3_1_3"] == "row1"


def test_duplicates_are_400_in_v1_and_500_in_v2(client: httpx.Client) -> None:
    """§8.2: the same words, whatever the case of the name."""
    assert upload(client, "offer.pdf").status_code == 200

    for version, status in (("v1", 400), ("v2", 500)):
        answer = upload(client, "OFFER.pdf", version=version)
        expected = {"error": "An item with the name 'OFFER.pdf' already exists."}
        assert (answer.status_code, answer.json()) == (status, expected)


def test_categories_are_flat_in_v2_and_nested_in_v1(client: httpx.Client) -> None:
    """§8.2."""
    flat, nested = {"9830_2": "Draft"}, {"9830": {"9830_2": "Draft"}}

    assert upload(client, "flat-v2.txt", roles={"categories": flat}).status_code == 200
    assert upload(client, "nested-v2.txt", roles={"categories": nested}).status_code == 500
    assert upload(client, "nested-v1.txt", version="v1", roles={"categories": nested}).status_code == 200


def test_enumerations_are_held(client: httpx.Client) -> None:
    """§8.2: other values are refused, and nothing is created."""
    for field, text in (("external_source", "External source not found"), ("external_identity_type", "identity type")):
        answer = upload(client, f"{field}.txt", **{field: "nonsense"})
        assert (answer.status_code, text in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("path", ["", "/nodes", "/categories"])
def test_missing_and_hidden_are_told_in_the_same_words(client: httpx.Client, path: str) -> None:
    """§9, §19: 400 on the node, 500 on its children and categories."""
    hidden = child(client, "Letters")
    client.post("/_sandbox/account", json={"hidden": [hidden]})
    answers = [client.get(f"{V2}/nodes/{node}{path}") for node in (hidden, 999)]
    client.post("/_sandbox/account", json={"hidden": []})

    assert [answer.status_code for answer in answers] == [500 if path else 400] * 2
    texts = [answer.json()["error"] for answer in answers]
    assert texts == [f"Could not get a node for {node}" for node in (hidden, 999)]


def test_categories_answer_as_on_the_page() -> None:
    """§7: apply, change, conflict, foreign and bad attributes, removing a row."""
    with server() as client:
        node = workspace(client)
        path = f"{V2}/nodes/{node}/categories"
        applied = client.post(path, data={"category_id": "9830", "9830_2": "x"})
        assert (applied.status_code, applied.json()["results"]) == (200, {})
        again = client.post(path, data={"category_id": "9830"})
        assert (again.status_code, again.json()["error"]) == (400, "The attribute group 'Communication' already exists")
        state = client.get(f"{V2}/nodes/{node}?state").json()["results"]["state"]["categories"]
        token = json.dumps(state["9830_1"])
        assert client.put(f"{path}/9830", data={"9830_2": "new", "9830_1": token}).status_code == 200
        stale = client.put(f"{path}/9830", data={"9830_2": "newer", "9830_1": token})
        assert (stale.status_code, stale.json()["error"]) == (409, "Could not update metadata (edit conflict).")
        foreign = client.put(f"{path}/9830", data={"9840_2": "new"})
        assert (foreign.status_code, "non-matching attribute ('9840_2')" in foreign.text) == (400, True)
        bad = client.put(f"{path}/9830", data={"9830_77": "new"})
        assert (bad.status_code, bad.json()["error"]) == (500, "Invalid specification. Invalid attribute entry found.")
        assert client.put(f"{path}/9840", data={"9840_3_1_3": "x"}).status_code == 500  # not applied
        rows = {"category_id": "9840", "9840_3_1_3": "one", "9840_3_2_3": "two"}
        client.post(path, data=rows)
        client.put(f"{path}/9840", data={"9840_3_1": ""})
        (shown,) = [
            each for each in client.get(path).json()["results"] if each["metadata_order"]["categories"] == ["9840"]
        ]
        assert shown["data"]["categories"]["9840_3_1_3"] == "two"


def test_every_call_adds_a_version(client: httpx.Client) -> None:
    """§8.3: listed newest first when asked; content of the last, or of one."""
    node = upload(client, "versions.txt").json()["results"]["data"]["properties"]["id"]
    path = f"{V2}/nodes/{node}/versions"
    for content in (b"two", b"two"):
        made = client.post(path, data={"description": "[evt:e]"}, files={"file": ("v.txt", content, "text/plain")})
    assert made.json()["results"]["data"]["versions"]["version_number"] == 3

    listed = client.get(path, params={"limit": 2, "order": "desc"}).json()["results"]
    assert [each["data"]["versions"]["version_number"] for each in listed] == [3, 2]
    assert client.get(f"{V2}/nodes/{node}/content").content == b"two"
    assert client.get(f"{path}/1/content").content == b"x"


@pytest.mark.parametrize("reminder_ids", [True, False])
def test_reminders_before_and_after_26_2(reminder_ids: bool) -> None:
    """§11.1: the page's own request; its id is in the answer or not; it is listed either way."""
    data = {"RSTYPE": "2", "RSRULE": "0", "RSDATE": "D/2026/5/28:0:0:0", "RSDESCRIPTION": "SLA breached: …"}
    data |= {"PRIORITY": "100", "RSACTIVATIONUNIT": "1", "escalationEnabled": "1"}
    form = {"data": json.dumps({**data, "recipients": [7240, 8306], "escalationrecipient_list": [1000]})}
    with server(reminder_ids=reminder_ids) as client:
        node = workspace(client)
        made = client.post(f"{V2}/resubmission/{node}/addreminder", data=form)
        listed = client.get(f"{V2}/nodes/{node}/followups").json()["results"]["followups"]
        nobody = client.post(
            f"{V2}/resubmission/{node}/addreminder", data={"data": json.dumps({**data, "recipients": [5]})}
        )

    assert made.status_code == 200
    assert ("id" in made.json()["results"]) is reminder_ids
    assert listed[0]["data"]["followup"]["description"] == "SLA breached: …"
    assert (nobody.status_code, nobody.json()["error"]) == (500, "Errors getting assignee information.")


def test_tasks_need_a_task_list(client: httpx.Client) -> None:
    """§11.3."""
    task = {"type": 206, "name": "Call", "assigned_member_id": 7240, "due_date": "2026-05-28T13:00:00"}

    there = client.post(f"{V2}/nodes", data=body(parent_id=child(client, "Tasks"), **task))
    elsewhere = client.post(f"{V2}/nodes", data=body(parent_id=child(client, "Letters"), **task))

    assert (there.status_code, elsewhere.status_code) == (200, 400)


def test_unknown_calls_and_addresses(client: httpx.Client) -> None:
    """§1: 400 with its own words below /api; an HTML 404 anywhere else."""
    missing = client.get("/otcs/cs/api/v1/pulse/statuses/public_timeline")
    assert (missing.status_code, "mappings registry" in missing.json()["error"]) == (400, True)
    lost = client.get("/elsewhere/api/v1/ping")
    assert (lost.status_code, lost.headers["content-type"].split(";")[0]) == (404, "text/html")


def test_names_are_checked_and_changes_audited(client: httpx.Client) -> None:
    """§8.1, §12.2: collisions only; audit rows carry the node's id, filtered by the day."""
    made = upload(client, "audited.txt").json()["results"]["data"]["properties"]["id"]
    names = body(parent_id=child(client, "Letters"), names=["audited.txt", "free.txt"])
    found = client.post("/otcs/cs/api/v1/validation/nodes/names", data=names).json()
    assert found == {"results": [{"id": made, "name": "audited.txt"}]}

    rows = client.get(f"{V2}/nodes/{made}/audit").json()["results"]["data"]["audit"]
    assert {row["id"] for row in rows} == {made}
    assert client.get(
        f"{V2}/nodes/{made}/audit", params={"where_audit_date_end": "2000-01-01"}
    ).json()["results"]["data"]["audit"] == []  # fmt: skip


def test_a_bearer_of_otds_gets_in(client: httpx.Client) -> None:
    """§2.2: client credentials; a wrong secret is RFC 6749's invalid_client."""
    form = {"grant_type": "client_credentials", "client_id": "commfleet-client", "client_secret": "sandbox-only-secret"}
    token = client.post("/otdsws/oauth2/token", data=form).json()
    assert token["expires_in"] == 3600
    headers = {"OTCSTicket": "", "authorization": f"Bearer {token['access_token']}"}
    assert client.get("/otcs/cs/api/v1/auth", headers=headers).status_code == 200
    refused = client.post("/otdsws/oauth2/token", data={**form, "client_secret": "wrong"})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_tickets_are_not_in_the_journal(client: httpx.Client) -> None:
    """What was received can be read by anybody who may use the sandbox."""
    shown = client.get("/_sandbox/received").json()["requests"]

    assert shown
    assert all("otcsticket" not in request["headers"] for request in shown)
