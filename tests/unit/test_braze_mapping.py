"""Events and parameters become what Braze documents, within its limits; nothing else leaves."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from tests.support.braze import ONBOARDING, config, event
from workers.sinks.api import Item
from workers.sinks.braze import mapping
from workers.sinks.braze.client import track_body, trigger_body
from workers.sinks.braze.mapping import Alias, ExternalId
from workers.sinks.braze.parameters import TrackEvent, TriggerCampaign, UpdateAttributes

SUBSTITUTE = {"customer_id": "marketo:123-ABC-456:42", "resolved": False}


def body(item: Item) -> Any:
    return orjson.loads(item.body.data)


def track(properties: dict[str, Any] | None = None, about: Event | None = None, **more: Any) -> Item:
    parameters = TrackEvent(name="order_shipped", properties=properties or {}, **more)
    return mapping.track_event(about or event(), parameters, config())


def update(attributes: dict[str, Any], about: Event | None = None) -> Item:
    return mapping.update_attributes(about or event(), UpdateAttributes(attributes=attributes), config())


def trigger(about: Event | None = None, **parameters: Any) -> Item:
    given = TriggerCampaign(**{"campaign": "onboarding", **parameters})
    return mapping.trigger_campaign(about or event(), given, config())


def refusal(make: Any, *args: Any, **more: Any) -> UnusableEventError:
    with pytest.raises(UnusableEventError) as caught:
        make(*args, **more)
    return caught.value


# -- the golden request of the page -------------------------------------------------------------


def test_an_event_is_the_object_of_the_page() -> None:
    """§2.1: external_id, name, time and properties, beside our own stable id (§5)."""
    item = track({"order_id": "A1"}, about=event({"customer_id": "u1", "resolved": True}))

    assert body(item) == {
        "external_id": "u1",
        "name": "order_shipped",
        "time": "2026-03-01T10:00:00.123Z",
        "properties": {"order_id": "A1", "event_uuid": "e-1"},
    }
    assert item.shared_by is None


def test_attributes_are_the_object_of_the_page() -> None:
    """§2.1: attributes stand beside the id."""
    item = update({"email": "a@example.com", "first_name": "Ann", "plan": "gold", "loyalty": {"tier": 2}})

    assert body(item) == {
        "external_id": "u1",
        "email": "a@example.com",
        "first_name": "Ann",
        "plan": "gold",
        "loyalty": {"tier": 2},
    }


def test_a_trigger_is_a_recipient_of_the_page() -> None:
    """§2.4: external_user_id (not external_id), properties of its own, and the campaign shared by the request."""
    item = trigger(trigger_properties={"order_id": "A2"})

    assert body(item) == {
        "external_user_id": "u1",
        "trigger_properties": {"order_id": "A2"},
        "send_to_existing_only": True,
    }
    assert item.shared_by == ONBOARDING


def test_a_trigger_with_attributes_creates_the_user() -> None:
    """§2.4: send_to_existing_only false needs attributes, and is the only way to reach an unknown user."""
    recipient = body(trigger(attributes={"stage": "signed"}))

    assert (recipient["send_to_existing_only"], recipient["attributes"]) == (False, {"stage": "signed"})


def test_a_batch_is_joined_from_serialised_pieces() -> None:
    """The bodies of both endpoints, without parsing an object again; broadcast is always said to be false (§2.4)."""
    assert orjson.loads(track_body("events", [b'{"a":1}', b'{"b":2}'])) == {"events": [{"a": 1}, {"b": 2}]}
    assert orjson.loads(trigger_body(ONBOARDING, [b'{"c":3}'])) == {
        "campaign_id": ONBOARDING,
        "broadcast": False,
        "recipients": [{"c": 3}],
    }


def test_a_trigger_without_recipients_is_never_written() -> None:
    """§2.4: it could be read as a broadcast to everybody."""
    with pytest.raises(ValueError, match="broadcast"):
        trigger_body(ONBOARDING, [])


def test_the_size_is_what_is_sent() -> None:
    """An item's size counts its bytes and the comma, so a batch cannot pass the body's limit."""
    items = [track({"n": n}) for n in range(10)]
    joined = track_body("events", [item.body.data for item in items])

    assert len(joined) <= sum(item.size for item in items) + 1024


# -- who ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("customer", "user"),
    [
        ({"customer_id": "u1", "resolved": True}, ExternalId("u1")),
        ({"customer_id": "u1", "resolved": True, "braze_external_id": "b9"}, ExternalId("b9")),
        ({**SUBSTITUTE, "braze_external_id": "b9"}, ExternalId("b9")),
        (SUBSTITUTE, Alias("marketo", "123-ABC-456:42")),
    ],
)
def test_the_user_is_named_by_what_the_event_knows(customer: dict[str, Any], user: object) -> None:
    """braze_external_id, else the site's own id, else an alias labelled with the substitute's source (design §4)."""
    assert mapping.user_of(event(customer)) == user


def test_attributes_create_a_profile_for_an_alias() -> None:
    """§2.1: to create an alias-only user, _update_existing_only must be said to be false."""
    assert body(update({"plan": "gold"}, event(SUBSTITUTE))) == {
        "user_alias": {"alias_name": "123-ABC-456:42", "alias_label": "marketo"},
        "_update_existing_only": False,
        "plan": "gold",
    }


@pytest.mark.parametrize("make", [track, trigger])
def test_events_and_triggers_for_an_alias_are_unusable(make: Any) -> None:
    """§2.1, §2.4: Braze drops them for an unknown alias and says success, so nobody could tell."""
    assert refusal(make, about=event(SUBSTITUTE)).reason is Reason.MISSING_CUSTOMER


@pytest.mark.parametrize(
    "customer",
    [
        {},
        {"customer_id": "", "resolved": True},
        {"customer_id": "no-namespace", "resolved": False},
        {"customer_id": "braze:app:639a35d1", "resolved": False},
    ],
)
def test_an_event_of_nobody_is_unusable(customer: dict[str, Any]) -> None:
    """No id that Braze could know: missing_customer."""
    assert refusal(update, {"plan": "gold"}, event(customer)).reason is Reason.MISSING_CUSTOMER


def test_ids_are_measured_in_bytes() -> None:
    """§2.1: external_id at most 987 bytes, alias parts at most 236."""
    long_enough = {"customer_id": "é" * 493, "resolved": True}
    too_long = {"customer_id": "é" * 494, "resolved": True}
    alias = {"customer_id": "marketo:" + "x" * 237, "resolved": False}

    assert body(update({"a": 1}, event(long_enough)))["external_id"] == "é" * 493
    assert refusal(update, {"a": 1}, event(too_long)).reason is Reason.OVERSIZED
    assert refusal(update, {"a": 1}, event(alias)).reason is Reason.OVERSIZED


# -- when ---------------------------------------------------------------------------------------


def test_times_are_utc_with_milliseconds() -> None:
    """§2.1: always RFC 3339 in UTC, whatever the zone it came in."""
    paris = datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))

    item = body(track({"due": paris}, time=paris))

    assert item["time"] == "2026-07-01T10:00:00.000Z"
    assert item["properties"]["due"] == "2026-07-01T10:00:00.000Z"


def test_a_time_below_the_top_of_an_attribute_is_marked() -> None:
    """§7: a nested date must be {"$time": …}; at the top a string is enough."""
    moment = datetime(2026, 7, 1, tzinfo=UTC)

    item = body(update({"renewed": moment, "contract": {"ends": moment}}))

    assert item["renewed"] == "2026-07-01T00:00:00.000Z"
    assert item["contract"] == {"ends": {"$time": "2026-07-01T00:00:00.000Z"}}


# -- limits of §7 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"note": "x" * 256}, Reason.OVERSIZED),
        ({"deep": {"list": ["x" * 256]}}, Reason.OVERSIZED),
        ({f"p{n}": "x" * 255 for n in range(254)} | {"more": ["x" * 255] * 200}, Reason.OVERSIZED),
        ({"number": math.nan}, Reason.INVALID_PARAMETER),
        ({"number": math.inf}, Reason.INVALID_PARAMETER),
        ({"number": 2**63}, Reason.INVALID_PARAMETER),
        ({"raw": b"bytes"}, Reason.INVALID_PARAMETER),
        ({"text": "\ud800"}, Reason.INVALID_PARAMETER),
        ({"deep": {"$key": 1}}, Reason.INVALID_PARAMETER),
        ({"deep": {"": 1}}, Reason.INVALID_PARAMETER),
        ({"deep": {1: 1}}, Reason.INVALID_PARAMETER),
    ],
)
def test_a_property_that_braze_would_lose_is_refused(properties: dict[str, Any], reason: Reason) -> None:
    """§7: strings of 255 characters, 102,400 bytes of properties, plain JSON."""
    assert refusal(track, properties).reason is reason


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"visits": {"inc": 1}}, Reason.INVALID_PARAMETER),
        ({"address": {"city": None}}, Reason.INVALID_PARAMETER),
        ({"cars": [{"make": None}]}, Reason.INVALID_PARAMETER),
        ({"address": {"zip code": 1}}, Reason.INVALID_PARAMETER),
        ({"address": {"a.b": 1}}, Reason.INVALID_PARAMETER),
        ({"cars": {"$add": [{"id": 1}]}}, Reason.INVALID_PARAMETER),
        ({"tags": {"add": "gold"}}, Reason.INVALID_PARAMETER),
        ({"tags": list(range(501))}, Reason.OVERSIZED),
        ({"note": "x" * 256}, Reason.OVERSIZED),
        ({"image_url": "x" * 1025}, Reason.OVERSIZED),
        ({"blob": [f"{n:0255}" for n in range(450)]}, Reason.OVERSIZED),
    ],
)
def test_an_attribute_that_braze_would_lose_is_refused(attributes: dict[str, Any], reason: Reason) -> None:
    """§7: nested nulls and odd keys drop the whole silently; inc and $add are not repeatable (§6)."""
    assert refusal(update, attributes).reason is reason


def test_attributes_that_may_be_repeated_pass() -> None:
    """§6, §7: null removes, add and remove are sets, image_url may be longer."""
    attributes = {"old": None, "tags": {"add": ["a"], "remove": ["b"]}, "image_url": "x" * 1024, "vip": True}

    assert body(update(attributes)) == {"external_id": "u1", **attributes}


def test_trigger_properties_have_a_limit_of_their_own() -> None:
    """§2.4: 51,200 bytes."""
    half = {f"p{n}": "x" * 250 for n in range(190)}

    assert body(trigger(trigger_properties=half))["trigger_properties"] == half
    too_much = half | {f"q{n}": "x" * 250 for n in range(20)}
    assert refusal(trigger, trigger_properties=too_much).reason is Reason.OVERSIZED


def test_an_unknown_campaign_of_a_record_is_unusable() -> None:
    """§5: an id that comes from the record is the record's fault."""
    error = refusal(trigger, campaign="winback")

    assert error.reason is Reason.INVALID_PARAMETER
    assert "'winback' is not in sinks.braze.campaigns" in error.detail


# -- parameters of a flow -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "x" * 256, "$name", " name", "name "])
def test_names_that_braze_changes_are_refused(name: str) -> None:
    """§7: 1 to 255 characters, no leading $, outer spaces are trimmed there."""
    with pytest.raises(ValidationError):
        TrackEvent(name=name)
    with pytest.raises(ValidationError):
        TrackEvent(name="a", properties={name: 1})
    with pytest.raises(ValidationError):
        UpdateAttributes(attributes={name: 1})


@pytest.mark.parametrize("key", ["time", "event_name", "event_uuid"])
def test_reserved_properties_are_refused(key: str) -> None:
    """§7: time and event_name are Braze's, event_uuid is ours."""
    with pytest.raises(ValidationError):
        TrackEvent(name="a", properties={key: 1})


@pytest.mark.parametrize(
    "key", ["external_id", "user_alias", "braze_id", "_merge_objects", "push_tokens", "email_subscribe"]
)
def test_identity_instructions_and_consent_are_not_attributes(key: str) -> None:
    """§2.1: they would change who the object is about, what Braze does, or a consent."""
    with pytest.raises(ValidationError):
        UpdateAttributes(attributes={key: "x"})
    with pytest.raises(ValidationError):
        TriggerCampaign(campaign="a", attributes={key: "x"})


def test_an_update_of_nothing_is_refused() -> None:
    """It would create an empty profile."""
    with pytest.raises(ValidationError):
        UpdateAttributes(attributes={})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(timezones=st.just(UTC))
values = st.recursive(scalars, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=20)


@given(value=values)
def test_any_value_is_sent_as_json_or_refused_with_a_reason(value: Any) -> None:
    """No value makes another exception, and what is made is JSON that Braze can read."""
    for make in (track, update):
        outcome = made_or_refused(make, {"value": value})
        assert isinstance(outcome, dict) or outcome in (Reason.INVALID_PARAMETER, Reason.OVERSIZED)


def made_or_refused(make: Any, values: dict[str, Any]) -> Any:
    try:
        return body(make(values))
    except UnusableEventError as error:
        return error.reason
