"""The sandbox Braze sends, enters and subscribes as the vendor page shows, and refuses what Braze refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest

from sandbox.app import create, running
from sandbox.braze.options import DEFAULT_KEY
from tests.support.braze import NEWS, RECEIPT, RETENTION, SMS, config, event
from workers.sinks.braze import consent, sends
from workers.sinks.braze.client import group_body, status_body, trigger_body
from workers.sinks.braze.consent import GroupWrite, StatusWrite
from workers.sinks.braze.parameters import SendTransactional, TriggerCanvas

DISPATCH = "c249b5eaad19a96b85ce3afc83017e81"
TRANSACTIONAL = f"/transactional/v1/campaigns/{RECEIPT}/send"
GOLDEN_CANVAS: dict[str, Any] = {
    "canvas_id": RETENTION,
    "context": {"order_id": "A1"},
    "broadcast": False,
    "recipients": [
        {
            "external_user_id": "u1",
            "context": {"order_id": "A2"},
            "send_to_existing_only": False,
            "attributes": {"first_name": "Ann"},
        },
    ],
}
GOLDEN_MESSAGE: dict[str, Any] = {
    "external_send_id": "b64-compatible-id",
    "trigger_properties": {"k": "v"},
    "recipient": {"external_user_id": "u1", "attributes": {"email": "a@example.com"}},
}


@contextmanager
def braze(**options: Any) -> Iterator[httpx.Client]:
    """A client of a fresh sandbox with a key for everything."""
    headers = {"authorization": f"Bearer {DEFAULT_KEY}"}
    with (
        running(create("braze", **options)) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=5) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def shared() -> Iterator[httpx.Client]:
    known: dict[str, Any] = {
        "canvases": {RETENTION: "Retention"},
        "transactional_campaigns": {RECEIPT: "Receipt"},
        "groups": {NEWS: "News", SMS: "Text messages"},
    }
    with braze(new_id=lambda: DISPATCH, **known) as one:
        yield one


@pytest.fixture
def client(shared: httpx.Client) -> httpx.Client:
    """The shared sandbox, emptied."""
    shared.delete("/_sandbox/state").raise_for_status()
    return shared


def state(client: httpx.Client) -> dict[str, Any]:
    return dict(client.get("/_sandbox/state").json())


def told(response: httpx.Response) -> tuple[int, Any]:
    return response.status_code, response.json()


def groups(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"subscription_groups": list(entries)}


def entry(group: str = NEWS, state: str = "subscribed", **named: Any) -> dict[str, Any]:
    return {"subscription_group_id": group, "subscription_state": state, **(named or {"external_ids": ["u1"]})}


# -- golden requests and answers, and that the sink makes them ----------------------------------


def test_the_canvas_trigger_of_the_page(client: httpx.Client) -> None:
    """§2.5: answered verbatim; a recipient's context goes before the request's."""
    response = client.post("/canvas/trigger/send", json=GOLDEN_CANVAS)

    assert response.status_code == 201
    assert response.text == f'{{"dispatch_id":"{DISPATCH}","message":"success"}}'
    assert [sent["context"] for sent in state(client)["triggers"]] == [{"order_id": "A2"}]


def test_the_sink_makes_the_canvas_trigger_of_the_page() -> None:
    """§2.5: its recipient, field by field."""
    parameters = TriggerCanvas(canvas="retention", context={"order_id": "A2"}, attributes={"first_name": "Ann"})

    item = sends.trigger_canvas(event(), parameters, config())

    made = orjson.loads(trigger_body(RETENTION, [item.body.data], "canvas_id"))
    assert made == {name: value for name, value in GOLDEN_CANVAS.items() if name != "context"}


def test_the_older_name_of_a_context_still_works(client: httpx.Client) -> None:
    """§2.5: canvas_entry_properties."""
    body = {**GOLDEN_CANVAS, "recipients": [{**GOLDEN_CANVAS["recipients"][0]}]}
    body["recipients"][0]["canvas_entry_properties"] = body["recipients"][0].pop("context")

    assert client.post("/canvas/trigger/send", json=body).status_code == 201
    assert [sent["context"] for sent in state(client)["triggers"]] == [{"order_id": "A2"}]


@pytest.mark.parametrize(
    ("word", "notice"),
    [
        ("paused", "The Canvas is paused. Resume the Canvas to ensure trigger requests will take effect."),
        ("archived", "The Canvas is archived. Unarchive the Canvas to ensure trigger requests will take effect."),
    ],
)
def test_the_notices_of_the_page(word: str, notice: str) -> None:
    """§2.5: success, and nobody enters."""
    with braze(stopped={RETENTION: word}, new_id=lambda: DISPATCH) as client:
        answer = told(client.post("/canvas/trigger/send", json=GOLDEN_CANVAS))
        entered = state(client)["triggers"]

    assert answer == (201, {"notice": notice, "dispatch_id": DISPATCH, "message": "success"})
    assert entered == []


def test_the_transactional_request_of_the_page(client: httpx.Client) -> None:
    """§2.7: dispatch_id, status, metadata; the unknown user is created and mailed."""
    status, body = told(client.post(TRANSACTIONAL, json=GOLDEN_MESSAGE))

    assert (status, body["dispatch_id"], body["status"]) == (201, DISPATCH, "sent")
    assert body["metadata"] == {"campaign_api_id": RECEIPT, "external_send_id": "b64-compatible-id"}
    assert state(client)["users"]["u1"]["attributes"] == {"email": "a@example.com"}


def test_the_sink_makes_the_transactional_request_of_the_page() -> None:
    """§2.7: but for the id, which is our own."""
    parameters = SendTransactional(
        campaign="receipt", trigger_properties={"k": "v"}, attributes={"email": "a@example.com"}
    )

    made = orjson.loads(sends.send_transactional(event(), parameters, config()).body.data)

    assert {**made, "external_send_id": "b64-compatible-id"} == GOLDEN_MESSAGE


def test_one_id_is_one_message_for_a_day(client: httpx.Client) -> None:
    """§2.7: the same id again produces no second send; without an id, each is one."""
    anonymous = {name: value for name, value in GOLDEN_MESSAGE.items() if name != "external_send_id"}
    for body in (GOLDEN_MESSAGE, GOLDEN_MESSAGE, anonymous, anonymous):
        assert client.post(TRANSACTIONAL, json=body).status_code == 201

    assert len(state(client)["triggers"]) == 3


def test_the_subscription_entries_of_the_page(client: httpx.Client) -> None:
    """§2.8: each by ids, e-mail addresses or numbers, the two last never in one request."""
    by_number = {**entry(SMS, phones=["+12223334444"]), "use_double_opt_in_logic": True}
    for body in (
        groups(entry(external_ids=["u1", "u2"]), entry(state="unsubscribed", emails=["a@example.com"])),
        groups(by_number),
    ):
        assert told(client.post("/v2/subscription/status/set", json=body)) == (201, {"message": "success"})

    assert [kept["address"] for kept in state(client)["kept_states"]] == ["a@example.com"]


def test_the_sink_makes_the_subscription_entries_of_the_page() -> None:
    """§2.8: one a call."""
    made = [
        orjson.loads(group_body(write, who))["subscription_groups"][0]
        for write, who in (
            (GroupWrite(NEWS, "subscribed", "external_ids"), [b'"u1"', b'"u2"']),
            (GroupWrite(NEWS, "unsubscribed", "emails"), [b'"a@example.com"']),
            (GroupWrite(SMS, "subscribed", "phones", True), [b'"+12223334444"']),
        )
    ]
    assert made == [
        entry(external_ids=["u1", "u2"]),
        entry(state="unsubscribed", emails=["a@example.com"]),
        {**entry(SMS, phones=["+12223334444"]), "use_double_opt_in_logic": True},
    ]


@pytest.mark.parametrize("email", ["a@example.com", ["a@example.com"]])
def test_the_email_status_of_the_page(client: httpx.Client, email: Any) -> None:
    """§2.8: one address or several; success even for an unknown one, whose state is applied later."""
    body = {"email": email, "subscription_state": "unsubscribed"}

    assert told(client.post("/email/status", json=body)) == (201, {"message": "success"})
    client.post("/users/track", json={"attributes": [{"external_id": "u1", "email": "a@example.com"}]})

    assert state(client)["users"]["u1"]["attributes"]["email_subscribe"] == "unsubscribed"


def test_the_sink_makes_the_email_status_of_the_page() -> None:
    """§2.8: always an array."""
    made = orjson.loads(status_body(StatusWrite(consent.OPTED_IN), [b'"a@example.com"']))

    assert made == {"email": ["a@example.com"], "subscription_state": "opted_in"}


def test_the_subscription_states_of_the_page(client: httpx.Client) -> None:
    """§2.8: capitalised, and unknown in lower case, as recorded."""
    for user in ("u1", "u2"):
        client.post("/users/track", json={"attributes": [{"external_id": user, "plan": "a"}]})
    client.post("/v2/subscription/status/set", json=groups(entry(), entry(state="unsubscribed", external_ids=["u2"])))

    query = {"subscription_group_id": NEWS, "external_id[]": ["u1", "u2", "u3"]}
    answer = told(client.get("/subscription/status/get", params=query))

    assert answer == (
        200,
        {"status": {"u1": "Subscribed", "u2": "Unsubscribed", "u3": "unknown"}, "message": "success"},
    )


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"canvas_id": 7}, "canvas_id must be a string of the Canvas api identifier"),
        ({"canvas_id": NEWS}, "canvas_id must be a string of the Canvas api identifier"),
        ({"recipients": []}, "No Recipients"),
        ({"context": {"big": "x" * 51_200}}, "Bad Request"),
        ({"recipients": [{"external_id": "u1"}]}, "Bad Request"),
        (
            {"recipients": [{"external_user_id": f"u{n}"} for n in range(51)]},
            "The max number of external_ids and aliases per request was exceeded",
        ),
    ],
)
def test_a_bad_canvas_trigger_is_refused(client: httpx.Client, change: dict[str, Any], message: str) -> None:
    """§2.5: as a campaign's."""
    assert told(client.post("/canvas/trigger/send", json={**GOLDEN_CANVAS, **change})) == (400, {"message": message})


@pytest.mark.parametrize(
    "change",
    [
        {"external_send_id": "no spaces please"},
        {"external_send_id": ""},
        {"external_send_id": 7},
        {"recipient": [{"external_user_id": "u1"}]},
        {"recipient": {}},
        {"recipient": {"external_user_id": "u1", "user_alias": {"alias_name": "x", "alias_label": "y"}}},
        {"trigger_properties": {"big": "x" * 51_200}},
    ],
)
def test_a_bad_message_is_refused(client: httpx.Client, change: dict[str, Any]) -> None:
    """§2.7: one recipient by one name, and the id's alphabet."""
    assert client.post(TRANSACTIONAL, json={**GOLDEN_MESSAGE, **change}).status_code == 400


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_transactional_errors_have_any_status(status: int) -> None:
    """§2.7: the page has their words only."""
    with braze(transactional_campaigns={}, transactional_error_status=status) as client:
        assert told(client.post(TRANSACTIONAL, json=GOLDEN_MESSAGE)) == (status, {"message": "Campaign does not exist"})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (groups(entry(RETENTION)), "Invalid subscription group ID"),
        (groups(entry(), entry(RETENTION)), "Invalid subscription group ID"),
        (
            groups(entry(emails=["a@example.com"]), entry(SMS, phones=["+12223334444"])),
            "Either an email address or a phone number should be provided, but not both.",
        ),
        (groups(entry(phones=["2223334444"])), "Bad Request"),
        (groups(entry(state="opted_in")), "Bad Request"),
        (groups(entry(external_ids=[])), "Bad Request"),
        (groups(), "Bad Request"),
        (
            groups(entry(external_ids=[f"u{n}" for n in range(51)])),
            "The max number of ids per request was exceeded",
        ),
    ],
)
def test_a_bad_subscription_fails_the_whole_call(client: httpx.Client, body: dict[str, Any], message: str) -> None:
    """§2.8: nothing of it is applied."""
    client.post("/users/track", json={"attributes": [{"external_id": "u1", "plan": "a"}]})

    assert told(client.post("/v2/subscription/status/set", json=body)) == (400, {"message": message})
    assert state(client)["users"]["u1"]["subscriptions"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {"email": "a@example.com", "subscription_state": "Subscribed"},
        {"email": [], "subscription_state": "subscribed"},
        {"email": [f"a{n}@example.com" for n in range(51)], "subscription_state": "subscribed"},
        {"subscription_state": "subscribed"},
    ],
)
def test_a_bad_email_status_is_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    """§2.8: states in lower case; one to fifty addresses."""
    assert client.post("/email/status", json=body).status_code == 400


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/canvas/trigger/send", "canvas.trigger.send"),
        (TRANSACTIONAL, "transactional.send"),
        ("/v2/subscription/status/set", "subscription.status.set"),
        ("/email/status", "email.status"),
    ],
)
def test_each_endpoint_has_a_permission(path: str, permission: str) -> None:
    """§1.3: by its name."""
    with braze(keys={DEFAULT_KEY: frozenset({permission}), "other": frozenset({"users.track"})}) as client:
        assert client.post(path, json={}).status_code == 400
        assert client.post(path, json={}, headers={"authorization": "Bearer other"}).status_code == 403


# -- what becomes true --------------------------------------------------------------------------


def test_groups_of_an_attributes_object_are_subscriptions(client: httpx.Client) -> None:
    """§2.1: set in the object that creates the user, and for all who share the address."""
    group = {"subscription_group_id": NEWS, "subscription_state": "subscribed"}
    client.post("/users/track", json={"attributes": [{"external_id": "u1", "email": "a@example.com"}]})
    client.post(
        "/users/track",
        json={"attributes": [{"external_id": "u2", "email": "a@example.com", "subscription_groups": [group]}]},
    )

    users = state(client)["users"]
    assert [users[user]["subscriptions"] for user in ("u1", "u2")] == [{NEWS: "subscribed"}] * 2
    assert "subscription_groups" not in users["u2"]["attributes"]


def test_a_kept_state_is_forgotten_after_30_days() -> None:
    """§2.8: inherited by a profile created in that window only."""
    with braze(groups={NEWS: "News"}) as client:
        client.post("/_sandbox/clock", json={"now": "2026-03-01T10:00:00Z", "frozen": True})
        client.post("/v2/subscription/status/set", json=groups(entry(emails=["a@example.com"])))
        client.post("/_sandbox/clock", json={"advance_s": 31 * 86_400})
        client.post("/users/track", json={"attributes": [{"external_id": "u1", "email": "a@example.com"}]})
        found = state(client)

    assert found["users"]["u1"]["subscriptions"] == {}
    assert found["kept_states"] == []


def test_double_opt_in_keeps_nothing_of_an_unknown_address(client: httpx.Client) -> None:
    """§2.8: with double opt-in and no profile nothing is stored."""
    body = groups({**entry(SMS, phones=["+12223334444"]), "use_double_opt_in_logic": True})

    assert client.post("/v2/subscription/status/set", json=body).status_code == 201
    assert state(client)["kept_states"] == []


def test_sends_and_email_states_share_a_pool(client: httpx.Client) -> None:
    """§4: 250,000 an hour; subscriptions have 5,000 a minute of their own."""
    with braze() as one:
        one.post("/_sandbox/quotas", json={"/email/status": {"limit": 1, "window_s": 3600}})
        one.post("/email/status", json={"email": "a@example.com", "subscription_state": "subscribed"})

        assert one.post("/canvas/trigger/send", json=GOLDEN_CANVAS).status_code == 429
        assert one.post(TRANSACTIONAL, json=GOLDEN_MESSAGE).status_code == 429
        assert one.post("/v2/subscription/status/set", json=groups(entry())).status_code == 201
