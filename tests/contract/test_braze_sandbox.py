"""The sandbox Braze accepts and answers what the vendor page shows, and refuses what Braze refuses."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from sandbox.app import create, running
from sandbox.braze.options import DEFAULT_KEY
from tests.support.poll import eventually

CAMPAIGN = "11111111-2222-3333-4444-555555555555"
TIME = "2026-03-01T10:00:00Z"
EVENT = {"external_id": "u1", "name": "order_shipped", "time": TIME}

GOLDEN_TRACK: dict[str, Any] = {
    "attributes": [
        {
            "external_id": "u1",
            "email": "a@example.com",
            "first_name": "Ann",
            "email_subscribe": "opted_in",
            "subscription_groups": [{"subscription_group_id": "g-1", "subscription_state": "subscribed"}],
            "plan": "gold",
            "loyalty": {"tier": 2},
            "_merge_objects": True,
        }
    ],
    "events": [
        {
            "external_id": "u1",
            "app_id": "a-1",
            "name": "order_shipped",
            "time": TIME,
            "properties": {"order_id": "A1"},
        }
    ],
    "purchases": [
        {
            "external_id": "u1",
            "product_id": "sku-1",
            "currency": "EUR",
            "price": 12.5,
            "quantity": 1,
            "time": TIME,
            "properties": {"color": "red"},
        }
    ],
}
GOLDEN_TRIGGER: dict[str, Any] = {
    "campaign_id": CAMPAIGN,
    "send_id": "s-1",
    "trigger_properties": {"order_id": "A1"},
    "broadcast": False,
    "recipients": [
        {
            "external_user_id": "u1",
            "trigger_properties": {"order_id": "A2"},
            "send_to_existing_only": True,
            "attributes": {"first_name": "Ann"},
        },
        {"user_alias": {"alias_name": "x", "alias_label": "y"}},
        {"email": "a@example.com", "prioritization": ["identified", "most_recently_updated"]},
    ],
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
    """One sandbox for the tests that change neither clock nor quotas."""
    with braze(blocked_users=frozenset({"dummy"}), campaigns={CAMPAIGN: "Onboarding"}) as one:
        yield one


@pytest.fixture
def client(shared: httpx.Client) -> httpx.Client:
    """The shared sandbox, emptied."""
    shared.headers["authorization"] = f"Bearer {DEFAULT_KEY}"
    shared.delete("/_sandbox/faults").raise_for_status()
    shared.delete("/_sandbox/state").raise_for_status()
    return shared


def state(client: httpx.Client) -> dict[str, Any]:
    return dict(client.get("/_sandbox/state").json())


def mistakes(client: httpx.Client, **arrays: Any) -> list[tuple[str, int, str]]:
    errors = client.post("/users/track", json=arrays).json().get("errors", [])
    return [(error["input_array"], error["index"], error["type"]) for error in errors]


# -- golden requests and answers ----------------------------------------------------------------


def test_the_track_request_of_the_page(client: httpx.Client) -> None:
    """§2.1: accepted, answered verbatim, counters first."""
    response = client.post("/users/track", json=GOLDEN_TRACK)

    assert response.status_code == 201
    assert (
        response.text == '{"attributes_processed":1,"events_processed":1,"purchases_processed":1,"message":"success"}'
    )


def test_the_partial_success_of_the_page(client: httpx.Client) -> None:
    """§2.1: the recorded errors, by input_array and index."""
    good = [{"external_id": f"u{n}", "plan": "gold"} for n in range(2)]
    purchase = {**GOLDEN_TRACK["purchases"][0], "quantity": 0}
    body = {
        "attributes": [*good, {"external_id": "u3", "email": "nonsense"}],
        "events": [EVENT],
        "purchases": [purchase],
    }

    answer = client.post("/users/track", json=body).json()

    assert {**answer, "errors": sorted(answer["errors"], key=lambda each: str(each["input_array"]))} == {
        "attributes_processed": 2,
        "events_processed": 1,
        "message": "success",
        "errors": [
            {
                "type": "The value provided for the 'email' field is not a valid email.",
                "input_array": "attributes",
                "index": 2,
            },
            {"type": "'quantity' is not valid", "input_array": "purchases", "index": 0},
        ],
    }


def test_the_fatal_error_of_the_page(client: httpx.Client) -> None:
    """§2.1: no valid object at all."""
    response = client.post("/users/track", json={"events": [{"name": "a", "time": TIME}]})

    assert response.status_code == 400
    assert response.json() == {
        "message": "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.",
        "errors": [
            {
                "type": "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required",
                "input_array": "events",
                "index": 0,
            }
        ],
    }


def test_the_trigger_of_the_page() -> None:
    """§2.4: one dispatch_id for the whole request."""
    with braze(new_id=lambda: "14497aa4b013bf150881547fb3076fd6") as client:
        response = client.post("/campaigns/trigger/send", json=GOLDEN_TRIGGER)

    assert response.status_code == 201
    assert response.text == '{"dispatch_id":"14497aa4b013bf150881547fb3076fd6","message":"success"}'


def test_a_dispatch_id_is_32_hex_digits(client: httpx.Client) -> None:
    """§2.4: another one for each request."""
    ids = {client.post("/campaigns/trigger/send", json=GOLDEN_TRIGGER).json()["dispatch_id"] for _ in range(2)}

    assert len(ids) == 2
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids)


def test_the_unauthorised_answer_of_the_page(client: httpx.Client) -> None:
    """§1.2: the key is echoed, and the rate headers are there and empty."""
    response = client.post("/users/track", json=GOLDEN_TRACK, headers={"authorization": "Bearer wrong"})

    assert (response.status_code, response.json()) == (401, {"message": "Invalid API key: wrong"})
    rate = [response.headers[f"x-ratelimit-{part}"] for part in ("limit", "remaining", "reset")]
    assert rate == ["", "", ""]


def test_the_export_of_the_page(client: httpx.Client) -> None:
    """§2.9: what was queued can be read; unknown ids are named."""
    client.post("/users/track", json=GOLDEN_TRACK)
    client.post("/users/track", json={"events": [EVENT]})
    fields = ["external_id", "email", "custom_attributes", "custom_events"]

    answer = client.post("/users/export/ids", json={"external_ids": ["u1", "u9"], "fields_to_export": fields})

    assert answer.status_code == 201
    (user,) = answer.json()["users"]
    assert (user["external_id"], user["email"]) == ("u1", "a@example.com")
    assert user["custom_attributes"]["loyalty"] == {"tier": 2}
    assert user["custom_events"] == [{"name": "order_shipped", "first": TIME, "last": TIME, "count": 2}]
    assert answer.json()["invalid_user_ids"] == ["u9"]


def test_the_campaign_list_of_the_page() -> None:
    """§2.11: pages of 100, an empty one past the end."""
    with braze(campaigns={CAMPAIGN: "Onboarding"}) as client:
        listed = client.get("/campaigns/list?page=0").json()
        beyond = client.get("/campaigns/list?page=1").json()

    assert listed["message"] == "success"
    assert [(one["id"], one["name"], one["is_api_campaign"]) for one in listed["campaigns"]] == [
        (CAMPAIGN, "Onboarding", True)
    ]
    assert beyond["campaigns"] == []


# -- the door -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "", DEFAULT_KEY, f'Bearer "{DEFAULT_KEY}"', "Basic abc"])
def test_a_key_is_sent_bare_after_bearer(client: httpx.Client, value: str | None) -> None:
    """§1.2: no header, no scheme, or quotes: 401."""
    client.headers.pop("authorization")
    headers = {} if value is None else {"authorization": value}

    assert client.post("/users/track", json=GOLDEN_TRACK, headers=headers).status_code == 401


@pytest.mark.parametrize("status", [403, 401])
def test_a_key_has_permissions(status: int) -> None:
    """§1.2: the docs name both statuses; the switch says which."""
    with braze(keys={DEFAULT_KEY: frozenset({"users.track"})}, permission_status=status) as client:
        assert client.post("/users/track", json=GOLDEN_TRACK).status_code == 201
        refused = client.get("/campaigns/list")

    assert (refused.status_code, refused.json()) == (status, {"message": "Access Denied"})


def test_a_body_is_declared_as_json(client: httpx.Client) -> None:
    """§1.2: missing or other content type: 415."""
    for headers in ({}, {"content-type": "text/plain"}):
        assert client.post("/users/track", content=b"{}", headers=headers).status_code == 415


@pytest.mark.parametrize("status", [404, 403])
def test_a_trailing_slash_is_not_the_endpoint(status: int) -> None:
    """§1.2: misleading errors, including 403, and never a redirect."""
    with braze(trailing_slash_status=status) as client:
        assert client.post("/users/track/", json=GOLDEN_TRACK).status_code == status


def test_unknown_paths_and_methods(client: httpx.Client) -> None:
    """§8.1: 404 and 405, as JSON."""
    assert client.post("/users/tracks", json={}).status_code == 404
    assert client.get("/users/track").status_code == 405


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"a": NaN}', b'{"a": "\xff"}'])
def test_a_body_is_a_json_object(client: httpx.Client, body: bytes) -> None:
    """§5: the syntax error's own sentence."""
    response = client.post("/users/track", content=body, headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert response.json()["message"] == "Error while parsing request body. Please check your syntax."


@pytest.mark.parametrize("status", [413, 400])
def test_a_body_has_at_most_4_mb(status: int) -> None:
    """§2.1: 413, or 400 depending on the endpoint."""
    body = {"attributes": [{"external_id": "u1", "note": "x" * 4 * 1024 * 1024}]}
    with braze(oversize_status=status) as client:
        assert client.post("/users/track", json=body).status_code == status


# -- /users/track -------------------------------------------------------------------------------


def test_75_objects_are_counted_together(client: httpx.Client) -> None:
    """§2.1: attributes and events and purchases."""
    fifty, twenty_six = [EVENT] * 50, [{"external_id": "u1", "plan": "a"}] * 26

    assert client.post("/users/track", json={"events": [EVENT] * 75}).status_code == 201
    refused = client.post("/users/track", json={"events": fifty, "attributes": twenty_six})
    assert (refused.status_code, refused.json()) == (400, {"message": "Max Input Length Exceeded"})


def test_the_legacy_contract_counts_each_array() -> None:
    """§2.1: 75 of each."""
    with braze(contract="per_array") as client:
        both = {"events": [EVENT] * 75, "attributes": [{"external_id": "u1", "plan": "a"}] * 75}
        assert client.post("/users/track", json=both).status_code == 201
        assert client.post("/users/track", json={"events": [EVENT] * 76}).status_code == 400


BAD_EVENTS = [
    ({**EVENT, "braze_id": "b"}, "is required"),
    ({"user_alias": {"alias_name": "x"}, "name": "a", "time": TIME}, "is required"),
    ({"user_alias": {"alias_name": "x" * 237, "alias_label": "y"}, "name": "a", "time": TIME}, "is required"),
    ("not an object", "is required"),
    ({**EVENT, "external_id": ""}, "is required"),
    ({**EVENT, "external_id": "x" * 988}, "'external_id' must be fewer than 988 bytes"),
    ({**EVENT, "external_id": "dummy"}, "provided external_id is blacklisted and disallowed"),
    ({**EVENT, "name": "$x"}, "'name' is not valid"),
    ({**EVENT, "name": "x" * 256}, "'name' is not valid"),
    ({**EVENT, "time": "yesterday"}, "'time' is not valid"),
    ({**EVENT, "time": "2026-03-01T10:00:00"}, "'time' is not valid"),
    ({**EVENT, "properties": {"time": 1}}, "Invalid 'properties' field"),
    ({**EVENT, "properties": {"event_name": 1}}, "Invalid 'properties' field"),
    ({**EVENT, "properties": {"big": "x" * 102_400}}, "Invalid 'properties' field"),
]


@pytest.mark.parametrize(("bad", "sentence"), BAD_EVENTS)
def test_one_bad_event_is_named_and_the_rest_accepted(client: httpx.Client, bad: Any, sentence: str) -> None:
    """§2.1, §7: per-object validation."""
    ((array, index, told),) = mistakes(client, events=[EVENT, bad])

    assert (array, index) == ("events", 1)
    assert told.endswith(sentence)
    assert len(state(client)["users"]["u1"]["events"]) == 1


BAD_ATTRIBUTES = [
    ({"email": "no"}, "The value provided for the 'email' field is not a valid email.", "EMAIL_BAD_FORMAT"),
    ({"email_subscribe": "yes"}, "BAD_EMAIL_SUBSCRIPTION_STATE", "BAD_EMAIL_SUBSCRIPTION_STATE"),
    ({"push_subscribe": "yes"}, "BAD_PUSH_SUBSCRIPTION_STATE", "BAD_PUSH_SUBSCRIPTION_STATE"),
    ({"subscription_groups": {}}, "BAD_SUBSCRIPTION_GROUP_ARRAY", "BAD_SUBSCRIPTION_GROUP_ARRAY"),
    ({"subscription_groups": [1]}, "BAD_SUBSCRIPTION_GROUP_HASH", "BAD_SUBSCRIPTION_GROUP_HASH"),
    ({"subscription_groups": [{}]}, "BAD_SUBSCRIPTION_GROUP_ID", "BAD_SUBSCRIPTION_GROUP_ID"),
    (
        {"subscription_groups": [{"subscription_group_id": "g"}]},
        "BAD_SUBSCRIPTION_GROUP_STATE",
        "BAD_SUBSCRIPTION_GROUP_STATE",
    ),
    ({"current_location": {"longitude": 1}}, "BAD_LOCATION_UPDATE", "BAD_LOCATION_UPDATE"),
]


@pytest.mark.parametrize(("attribute", "sentence", "code"), BAD_ATTRIBUTES)
def test_a_bad_attribute_is_told_in_either_style(attribute: dict[str, Any], sentence: str, code: str) -> None:
    """§2.1: live servers send sentences, the docs list codes."""
    good, bad = {"external_id": "u1", "plan": "a"}, {"external_id": "u1", **attribute}
    for style, told in (("sentence", sentence), ("code", code)):
        with braze(error_style=style) as client:
            assert mistakes(client, attributes=[good, bad]) == [("attributes", 1, told)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"currency": "EURO"}, "'currency' must be an ISO 4217 currency"),
        ({"quantity": 101}, "'quantity' is not valid"),
        ({"price": "12"}, "'price' is not valid"),
        ({"product_id": ""}, "'product_id' is not valid"),
        ({"properties": {"currency": "EUR"}}, "Invalid 'properties' field"),
    ],
)
def test_a_bad_purchase_is_named(client: httpx.Client, change: dict[str, Any], sentence: str) -> None:
    """§2.1: purchase validation."""
    purchase = {**GOLDEN_TRACK["purchases"][0], **change}

    assert mistakes(client, events=[EVENT], purchases=[purchase]) == [("purchases", 0, sentence)]


@pytest.mark.parametrize(
    "time", [TIME, "2026-03-01T10:00:00.123+01:00", "2026-03-01T10:00:00:123Z", "2019-02-15 00:00:00 -0500"]
)
def test_the_time_formats_of_the_page(client: httpx.Client, time: str) -> None:
    """§2.1: ISO 8601 with an offset, the one with a colon, and the recorded one with spaces."""
    assert client.post("/users/track", json={"events": [{**EVENT, "time": time}]}).status_code == 201


# -- what becomes true --------------------------------------------------------------------------


def test_events_are_never_deduplicated(client: httpx.Client) -> None:
    """§6: each counts."""
    for _ in range(2):
        client.post("/users/track", json={"events": [EVENT]})

    assert len(state(client)["users"]["u1"]["events"]) == 2


def test_the_last_attribute_wins_and_null_removes(client: httpx.Client) -> None:
    """§7: upsert; _merge_objects merges, otherwise nested values are replaced; inc and add count."""
    updates: list[dict[str, Any]] = [
        {"plan": "gold", "old": 1, "loyalty": {"tier": 1, "since": 2020}, "visits": 1, "tags": ["a"]},
        {"plan": "blue", "old": None, "loyalty": {"tier": 2}, "_merge_objects": True, "visits": {"inc": 2}},
        {"tags": {"add": ["a", "b"]}},
    ]
    for update in updates:
        client.post("/users/track", json={"attributes": [{"external_id": "u1", **update}]})

    assert state(client)["users"]["u1"]["attributes"] == {
        "plan": "blue",
        "loyalty": {"tier": 2, "since": 2020},
        "visits": 3,
        "tags": ["a", "b"],
    }


def test_a_nested_null_drops_the_whole_silently(client: httpx.Client) -> None:
    """§7: success is answered all the same."""
    body = {"attributes": [{"external_id": "u1", "plan": "a", "address": {"city": None}}]}

    assert client.post("/users/track", json=body).json()["message"] == "success"
    assert state(client)["users"]["u1"]["attributes"] == {"plan": "a"}
    assert len(state(client)["dropped"]) == 1


def test_an_alias_is_created_only_when_asked(client: httpx.Client) -> None:
    """§2.1: for attributes by _update_existing_only false, for events never; success either way."""
    alias = {"user_alias": {"alias_name": "42", "alias_label": "marketo"}}
    for body in (
        {"attributes": [{**alias, "plan": "a"}]},
        {"events": [{**alias, "name": "a", "time": TIME}]},
    ):
        assert client.post("/users/track", json=body).json()["message"] == "success"
    assert state(client)["users"] == {}

    client.post("/users/track", json={"attributes": [{**alias, "_update_existing_only": False, "plan": "a"}]})
    client.post("/users/track", json={"events": [{**alias, "name": "a", "time": TIME}]})

    user = state(client)["users"]["alias:marketo:42"]
    assert (user["attributes"], len(user["events"])) == ({"plan": "a"}, 1)


def test_an_unknown_external_id_with_a_known_email_is_a_duplicate(client: httpx.Client) -> None:
    """§2.1: with a primary id, e-mail is only an attribute; without one, it selects or creates."""
    named: list[dict[str, Any]] = [{"external_id": "u1"}, {"external_id": "u2"}, {}, {"email": "b@example.com"}]
    for who in named:
        client.post("/users/track", json={"attributes": [{"email": "a@example.com", "plan": "x"} | who]})

    assert set(state(client)["users"]) == {"u1", "u2", "email:b@example.com"}


def test_unknown_recipients_are_dropped_silently(client: httpx.Client) -> None:
    """§2.4: 2xx, and nothing is sent; with attributes and send_to_existing_only false they are created."""
    created = {"external_user_id": "u2", "send_to_existing_only": False, "attributes": {"plan": "a"}}
    body = {"campaign_id": CAMPAIGN, "broadcast": False, "recipients": [{"external_user_id": "u1"}, created]}

    assert client.post("/campaigns/trigger/send", json=body).status_code == 201
    assert [sent["user"] for sent in state(client)["triggers"]] == ["u2"]


def test_a_user_twice_in_recipients_is_sent_once(client: httpx.Client) -> None:
    """§2.4: with the last entry's trigger_properties."""
    client.post("/users/track", json={"events": [EVENT]})
    recipients = [{"external_user_id": "u1", "trigger_properties": {"n": n}} for n in (1, 2)]
    client.post("/campaigns/trigger/send", json={"campaign_id": CAMPAIGN, "recipients": recipients})

    assert [sent["trigger_properties"] for sent in state(client)["triggers"]] == [{"n": 2}]


BAD_TRIGGERS = [
    ({"campaign_id": 7}, "campaign_id must be a string of the campaign api identifier"),
    ({"campaign_id": "99999999-2222-3333-4444-555555555555"}, "Invalid Campaign ID"),
    ({"recipients": []}, "No Recipients"),
    ({"recipients": None}, "No Recipients"),
    (
        {"recipients": [{"external_user_id": f"u{n}"} for n in range(51)]},
        "The max number of external_ids and aliases per request was exceeded",
    ),
    ({"broadcast": True}, "Bad Request"),
    ({"recipients": [{"external_id": "u1"}]}, "Bad Request"),
    ({"recipients": [{"external_user_id": "u1", "email": "a@example.com"}]}, "Bad Request"),
    ({"recipients": [{"email": "a@example.com"}]}, "Bad Request"),
    ({"recipients": [{"external_user_id": "u1", "send_to_existing_only": False}]}, "Bad Request"),
    ({"trigger_properties": {"big": "x" * 51_200}}, "Bad Request"),
]


@pytest.mark.parametrize(("change", "message"), BAD_TRIGGERS)
def test_a_bad_trigger_is_refused(client: httpx.Client, change: dict[str, Any], message: str) -> None:
    """§2.4, §5: the whole request."""
    body = {"campaign_id": CAMPAIGN, "broadcast": False, "recipients": [{"external_user_id": "u1"}], **change}

    response = client.post("/campaigns/trigger/send", json=body)

    assert (response.status_code, response.json()) == (400, {"message": message})


def test_requests_are_applied_late_and_may_overtake() -> None:
    """§6, §8.2: success means queued; separate requests are not applied in the order they were sent."""
    with braze(lag_s=(10.0, 5000.0), seed=4) as client:
        client.post("/_sandbox/clock", json={"now": "2026-03-01T10:00:00Z", "frozen": True})
        for n in range(6):
            client.post("/users/track", json={"events": [{**EVENT, "properties": {"n": n}}]})
        assert state(client)["users"] == {}
        assert state(client)["waiting"] == 6

        client.post("/_sandbox/clock", json={"advance_s": 5000})
        order = [event["properties"]["n"] for event in state(client)["users"]["u1"]["events"]]

    assert sorted(order) == list(range(6))
    assert order != sorted(order)


# -- rate windows -------------------------------------------------------------------------------


def test_windows_follow_the_clock_in_the_epoch_dialect() -> None:
    """§4: aligned, not rolling; reset is a moment; 429 when used up; the next window is full again."""
    with braze() as client:
        client.post("/_sandbox/clock", json={"now": "2026-03-01T10:59:30Z", "frozen": True})
        client.post("/_sandbox/quotas", json={"/campaigns/list": {"limit": 2, "window_s": 3600}})
        answers = [client.get("/campaigns/list") for _ in range(3)]
        client.post("/_sandbox/clock", json={"advance_s": 30})
        after = client.get("/campaigns/list")

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["x-ratelimit-reset"] for answer in answers} == {"1772362800"}
    assert answers[2].json() == {"message": "Rate limited"}
    assert (after.status_code, after.headers["x-ratelimit-remaining"]) == (200, "1")


def test_the_mau_dialect_counts_seconds() -> None:
    """§4: reset in seconds; on a 429 only x-ratelimit-retry-after is there."""
    with braze(dialect="mau") as client:
        client.post("/_sandbox/clock", json={"now": "2026-03-01T10:00:01Z", "frozen": True})
        client.post("/_sandbox/quotas", json={"/users/track": {"limit": 1, "window_s": 3}})
        first, second = (client.post("/users/track", json={"events": [EVENT]}) for _ in range(2))

    assert (first.status_code, first.headers["x-ratelimit-reset"]) == (201, "2")
    assert (second.status_code, second.headers["x-ratelimit-retry-after"]) == (429, "2")
    assert "x-ratelimit-reset" not in second.headers


def test_triggers_and_lists_share_a_pool() -> None:
    """§4: 250,000 an hour for both; /users/track has its own."""
    with braze() as client:
        client.post("/_sandbox/quotas", json={"/campaigns/trigger/send": {"limit": 1, "window_s": 3600}})
        client.get("/campaigns/list")

        assert client.post("/campaigns/trigger/send", json=GOLDEN_TRIGGER).status_code == 429
        assert client.post("/users/track", json={"events": [EVENT]}).status_code == 201


# -- control ------------------------------------------------------------------------------------


def test_a_fault_hits_as_often_as_scripted(client: httpx.Client) -> None:
    """By count, after a skip, on a path, for a matching record."""
    spec = {"status": 503, "count": 1, "skip": 1, "path": "/users", "match": '"u1"', "body": {"message": "no"}}
    client.post("/_sandbox/faults", json=spec)
    other = {"events": [{**EVENT, "external_id": "u2"}]}
    seen = [
        client.post("/users/track", json=body).status_code
        for body in ({"events": [EVENT]}, other, {"events": [EVENT]}, {"events": [EVENT]})
    ]

    assert seen == [201, 201, 503, 201]
    assert len(state(client)["users"]["u1"]["events"]) == 2


def test_a_share_of_requests_goes_wrong() -> None:
    """By chance, from a seed."""
    with braze(seed=1) as client:
        client.post("/_sandbox/faults", json={"status": 500, "share": 0.5})
        seen = [client.post("/users/track", json={"events": [EVENT]}).status_code for _ in range(40)]

    assert 5 < seen.count(500) < 35


def test_a_fault_ends_with_its_time(client: httpx.Client) -> None:
    """By a duration; and DELETE ends all of them."""
    client.post("/_sandbox/faults", json={"status": 500, "for_s": 0.2})
    assert client.get("/campaigns/list").status_code == 500
    eventually(lambda: client.get("/campaigns/list").status_code == 200)

    client.post("/_sandbox/faults", json=[{"status": 500}, {"status": 502}])
    client.delete("/_sandbox/faults")
    assert client.get("/campaigns/list").status_code == 200


def test_what_acts_late_does_not_reach_a_state_that_was_cleared(client: httpx.Client) -> None:
    """Between two tests: a request that was on its way then belongs to the one before."""
    for user, delay_s in (("before", 0.2), ("after", 0.3)):
        client.post("/_sandbox/faults", json={"kind": "late", "delay_s": delay_s, "count": 1})
        with pytest.raises(httpx.TransportError):
            client.post("/users/track", json={"events": [{**EVENT, "external_id": user}]}, timeout=0.05)
        if user == "before":
            client.delete("/_sandbox/state")

    eventually(lambda: "after" in state(client)["users"])
    assert "before" not in state(client)["users"]


@pytest.mark.parametrize(
    ("spec", "acts"),
    [
        ({"kind": "hang", "delay_s": 0.05}, True),
        ({"kind": "hang", "delay_s": 0.05, "act": False}, False),
        ({"kind": "late", "delay_s": 0.05}, True),
        ({"kind": "reset"}, False),
        ({"kind": "reset", "act": True}, True),
        ({"kind": "truncate"}, True),
    ],
)
def test_a_connection_can_break_before_and_after_acting(client: httpx.Client, spec: dict[str, Any], acts: bool) -> None:
    """§8.7: no whole answer, whether or not Braze acted."""
    client.post("/_sandbox/faults", json={**spec, "count": 1})

    with pytest.raises(httpx.TransportError):
        client.post("/users/track", json={"events": [EVENT]})

    if acts:
        eventually(lambda: "u1" in state(client)["users"])
    else:
        assert state(client)["users"] == {}


def test_an_answer_can_be_slow_or_mislabelled(client: httpx.Client) -> None:
    """The right answer, late, or under another content type."""
    client.post(
        "/_sandbox/faults", json=[{"kind": "slow", "delay_s": 0.01, "count": 1}, {"kind": "relabel", "count": 1}]
    )

    slow, relabelled = (client.post("/users/track", json={"events": [EVENT]}) for _ in range(2))

    assert (slow.status_code, slow.headers["content-type"]) == (201, "application/json")
    assert (relabelled.status_code, relabelled.headers["content-type"]) == (201, "text/plain")


def test_an_html_page_can_stand_in_the_way(client: httpx.Client) -> None:
    """§1.2: the edge in front of Braze answers 403 with a page."""
    client.post("/_sandbox/faults", json={"status": 403, "body": "<html>no</html>", "content_type": "text/html"})

    response = client.get("/campaigns/list")

    assert (response.status_code, response.text, response.headers["content-type"]) == (
        403,
        "<html>no</html>",
        "text/html",
    )


def test_what_was_received_can_be_read(client: httpx.Client) -> None:
    """Requests with bodies, without the key; counters; each user's history in order."""
    client.post("/users/track", json={"attributes": [{"external_id": "u1", "plan": "a"}]})
    client.post("/users/track", json={"events": [EVENT]})
    client.post("/campaigns/trigger/send", json={"campaign_id": CAMPAIGN, "recipients": [{"external_user_id": "u1"}]})

    received = client.get("/_sandbox/received", params={"path": "/users", "text": "order_shipped"}).json()

    assert [request["body"] for request in received["requests"]] == [{"events": [EVENT]}]
    assert DEFAULT_KEY not in json.dumps(received)
    assert received["counters"]["POST /users/track"] == 2
    assert received["counters"]["POST /campaigns/trigger/send 201"] == 1
    assert [entry["kind"] for entry in received["users"]["u1"]] == ["attributes", "event", "trigger"]


def test_a_sandbox_can_be_emptied(client: httpx.Client) -> None:
    """DELETE state: nobody known, nothing received."""
    client.post("/users/track", json={"events": [EVENT]})
    client.delete("/_sandbox/state")

    assert state(client)["users"] == {}
    assert client.get("/_sandbox/received").json()["requests"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "nonsense"}),
        ("faults", {"statu": 500}),
        ("quotas", {"/nowhere": {"limit": 1, "window_s": 1}}),
        ("quotas", {"/users/track": {"limit": -1, "window_s": 1}}),
        ("clock", {"now": "noon"}),
    ],
)
def test_a_misused_control_endpoint_says_so(client: httpx.Client, path: str, body: Any) -> None:
    """422 instead of a script without effect."""
    assert client.post(f"/_sandbox/{path}", json=body).status_code == 422


def test_a_sandbox_is_a_process_of_its_own() -> None:
    """`serve` prints one line when it answers, with the port it took, and ends on SIGTERM."""
    code = "from sandbox.app import serve; serve('braze', '127.0.0.1', 0)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        assert words[:4] == ["sandbox", "braze", "ready", "on"]
        assert httpx.get(f"{words[4]}/_sandbox/health", trust_env=False).json() == {"vendor": "braze"}
        process.terminate()
        process.wait(10)
