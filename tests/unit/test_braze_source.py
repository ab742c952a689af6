"""From Braze's Currents and webhook messages (braze.md §3.1, §3.2) to events."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from common.errors import InvalidEventError
from tests.support.events import written_and_read
from tests.support.hooks import BEARER, HEADER
from tests.support.signals import (
    BOUNCE,
    BRAZE_PREFERENCE,
    BRAZE_SURVEY,
    CLICK,
    CURRENTS,
    CUSTOM_EVENT,
    GLOBAL_CHANGE,
    GROUP_CHANGE,
    OPEN,
    UNSUBSCRIBE,
    WEBHOOK_FAILURE,
    currents,
    like,
)
from workers.ingest.sources.api import Events
from workers.ingest.sources.catalogue import AnyHook, HookConfig, hook_of

RECEIVED = datetime(2026, 3, 5, 19, 0, tzinfo=UTC)
AT = datetime.fromtimestamp(2033802504, UTC)
CONFIG: TypeAdapter[HookConfig] = TypeAdapter(AnyHook)


def events(signal: Any, **settings: Any) -> Events:
    """What the Currents of a workspace say."""
    given = {"kind": "braze_currents", "auth": BEARER, "instance": "retail-eu", **settings}
    return hook_of(CONFIG.validate_python(given)).translate(signal, RECEIVED)


def message(signal: Any, **settings: Any) -> Events:
    """What a webhook message says, where its feed has the say in everything."""
    given = {"kind": "braze_webhook", "auth": HEADER, "instance": "retail-eu", "signals": None, **settings}
    return hook_of(CONFIG.validate_python(given)).translate(signal, RECEIVED)


def told(found: Events, *names: str) -> list[tuple[Any, ...]]:
    """These fields of each event, as a reader of its topic sees them."""
    return [tuple(written_and_read(event)[name] for name in names) for event in found]


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (OPEN, ("EMAIL_OPENED", True, None)),
        (CLICK, ("EMAIL_CLICKED", True, None)),
        (BOUNCE, ("EMAIL_BOUNCED", False, "hard")),
        (UNSUBSCRIBE, ("UNSUBSCRIBED", False, None)),
        (currents("users.messages.email.Delivery", {}), ("EMAIL_DELIVERED", False, None)),
        (currents("users.messages.email.SoftBounce", {}), ("EMAIL_SOFT_BOUNCED", False, "soft")),
        (currents("users.messages.email.MarkAsSpam", {}), ("SPAM_REPORTED", False, None)),
    ],
    ids=["open", "click", "bounce", "unsubscribe", "delivery", "soft bounce", "spam"],
)
def test_an_email_event_is_an_engagement(signal: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Machine opens and suspected bot clicks are marked, not dropped."""
    found = events(signal)

    assert found[0].topic == "comms.engagement.v1"
    assert told(found[:1], "type", "automated", "bounce_class") == [expected]


def test_every_field_of_an_open_stands_where_readers_look() -> None:
    """Names where there are some; the time is the event's own, the customer the site's own."""
    value = written_and_read(events(OPEN)[0])

    assert (value["campaign"], value["asset"]) == ("campaign_name", "message_variation_name")
    assert (value["dispatch_id"], value["occurred_at"]) == ("639a35d192b0df004d06514c", AT)
    assert (value["source"], value["source_instance"]) == ("braze", "retail-eu")
    customer = value["customer"]
    assert (customer["customer_id"], customer["resolved"]) == ("external_user_id", True)
    assert (customer["time_zone"], customer["email"]) == ("America/New_York", None)
    assert "example@braze.com" not in str(value)


def test_a_persons_own_open_is_not_automated() -> None:
    """`machine_open` is the text "true", or absent; it may gain other values (§3.1)."""
    properties = {name: value for name, value in OPEN["properties"].items() if name != "machine_open"}

    assert not events(like(OPEN, properties=properties))[0].value["automated"]
    assert not events(like(OPEN, properties={**properties, "machine_open": "false"}))[0].value["automated"]
    assert events(like(OPEN, properties={**properties, "machine_open": "apple"}))[0].value["automated"]


def test_an_unsubscription_is_a_wish_too() -> None:
    """Whoever reads preferences only still learns of it; both have ids of their own, the same at every repeat."""
    first, again = events(UNSUBSCRIBE), events(UNSUBSCRIBE)

    wish = written_and_read(first[1])
    assert (wish["kind"], wish["channel"], wish["state"]) == ("CONSENT", "EMAIL", "OPTED_OUT")
    assert (wish["address"], wish["evidence"], wish["effective_at"]) == ("example@braze.com", "EXPLICIT", AT)
    assert [event.event_id for event in first] == [event.event_id for event in again]
    assert first[0].event_id != first[1].event_id


@pytest.mark.parametrize("signal", [BOUNCE, currents("users.messages.email.MarkAsSpam", BOUNCE["properties"])])
def test_an_address_that_is_not_to_be_written_to_is_suppressed(signal: dict[str, Any]) -> None:
    """A hard bounce or a complaint, for the address and not only for the customer."""
    wish = written_and_read(events(signal)[1])

    assert (wish["kind"], wish["state"], wish["address"]) == ("SUPPRESSION", "ON", "example@braze.com")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Subscribed", "SUBSCRIBED"),
        ("Unsubscribed", "OPTED_OUT"),
        ("Opted In", "OPTED_IN"),
        ("Paused", "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_a_global_state_is_a_consent(status: str | None, state: str) -> None:
    """A state that we have no word for is kept as UNKNOWN, which counts as opted out, and is counted."""
    found = events(like(GLOBAL_CHANGE, properties={**GLOBAL_CHANGE["properties"], "subscription_status": status}))

    assert told(found, "type", "kind", "channel", "purpose", "state", "subscription_group") == [
        ("CHANGED", "CONSENT", "EMAIL", "MARKETING", state, None)
    ]
    assert found[0].is_unknown is (state == "UNKNOWN")


def test_a_group_state_is_a_subscription() -> None:
    """By the site's name of the group where it has one; who did it is told."""
    group = GROUP_CHANGE["properties"]["subscription_group_id"]

    found = events(GROUP_CHANGE, subscription_groups={group: "newsletter"})

    assert told(found, "kind", "state", "subscription_group", "proof", "address") == [
        ("SUBSCRIPTION", "SUBSCRIBED", "newsletter", "REST API", "example@braze.com")
    ]
    assert told(found, "actor") == [({"kind": "SYSTEM", "id": "REST API"},)]
    assert told(events(GROUP_CHANGE), "subscription_group") == [(group,)]


def test_a_wish_for_a_channel_that_we_do_not_have_is_nobodys() -> None:
    """Without a channel it would hold for all of ours."""
    found = events(like(GROUP_CHANGE, properties={**GROUP_CHANGE["properties"], "channel": "whatsapp"}))

    assert told(found, "type", "channel") == [("UNKNOWN", None)]


@pytest.mark.parametrize("signal", [WEBHOOK_FAILURE, CUSTOM_EVENT, currents("users.messages.telepathy.Send", {})])
def test_an_event_without_a_word_of_ours_is_kept(signal: dict[str, Any]) -> None:
    """On the source's topic, with its attributes; what may be personal is left out."""
    (event,) = events(signal)

    value = written_and_read(event)
    assert (event.topic, value["type"], event.is_unknown) == ("comms.engagement.v1", "UNKNOWN", True)
    assert value["attributes"]["event_type"] == signal["event_type"]
    assert not {"raw_response", "endpoint_url", "custom_properties", "ad_id"} & set(value["attributes"])


def test_attributes_of_an_unknown_event_help_to_find_it() -> None:
    """Names and numbers that are nobody's data."""
    attributes = written_and_read(events(WEBHOOK_FAILURE)[0])["attributes"]

    assert attributes["campaign_id"] == WEBHOOK_FAILURE["properties"]["campaign_id"]
    assert (attributes["is_terminal"], attributes["retry_count"], attributes["host"]) == ("true", "1", "host")


@pytest.mark.parametrize("external_id", [None, "", "[REDACTED]", "ada@example.com"])
def test_an_anonymous_user_is_a_substitute(external_id: str | None) -> None:
    """Also one whose id a transform has blotted out: all of those would be one customer."""
    (event,) = events(like(GLOBAL_CHANGE, user={"user_id": "639a35d1", "external_user_id": external_id}))

    assert event.is_substitute
    assert event.value["customer"]["customer_id"] == "braze:retail-eu:639a35d1"


def test_personal_data_travels_only_where_the_settings_allow_it() -> None:
    """In the customer record; the address of a wish is what the wish is about."""
    allowed = events(OPEN, personal_data=["email"])[0].value["customer"]

    assert allowed["email"] == "example@braze.com"
    assert "email" not in events(OPEN)[0].value["customer"]


@pytest.mark.parametrize(
    "signal", [*CURRENTS, BRAZE_SURVEY], ids=lambda signal: str(signal.get("event_type", "survey"))
)
def test_an_event_seen_twice_has_one_id(signal: dict[str, Any]) -> None:
    """At least once, unordered: the time of receipt must not matter."""
    translate = message if signal is BRAZE_SURVEY else events

    assert [one.event_id for one in translate(signal)] == [one.event_id for one in translate(like(signal, new=1))]


def test_without_an_id_the_content_is_the_id() -> None:
    """Deterministic, and another one for another content."""
    bare = like(OPEN, id=...)

    assert events(bare)[0].event_id == events(dict(reversed(bare.items())))[0].event_id
    assert events(bare)[0].event_id != events(like(bare, time=1))[0].event_id


def test_ids_stay_what_they_are() -> None:
    """A release that changed them would make every repeat of an older event a new one."""
    assert events(OPEN)[0].event_id == "3081f6e3-0c64-5cc9-b045-8877dbcf9f9a"
    assert message(BRAZE_SURVEY)[0].event_id == "56ea1f27-91dc-553d-a1ac-1a862b772af4"


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        ([], {""}),
        ({}, {"event_type", "time"}),
        (like(OPEN, time="today"), {"time"}),
        (like(OPEN, time=-1), {"time"}),
        (like(OPEN, time=10**15), {"time"}),
        (like(OPEN, user=5, properties=[]), {"user", "properties"}),
    ],
)
def test_what_is_missing_or_wrong_is_named(signal: Any, fields: set[str]) -> None:
    """By Braze's own names, all at once; a field that is new is no fault."""
    with pytest.raises(InvalidEventError) as caught:
        events(signal)

    assert {field for field, _ in caught.value.errors} == fields


# -- webhook messages


def test_a_survey_is_answered_for_its_workspace() -> None:
    """B7: the template carries the workspace's id back."""
    (event,) = message(BRAZE_SURVEY)

    value = written_and_read(event)
    assert (event.topic, value["type"], value["survey"]) == ("comms.engagement.v1", "SURVEY_COMPLETED", "case-feedback")
    assert (value["workspace_id"], value["occurred_at"]) == ("36780", datetime(2026, 3, 5, 18, 44, 10, tzinfo=UTC))
    assert value["answers"] == {"satisfaction": "4", "comment": "Quick answer"}
    assert value["customer"]["customer_id"] == "C-104711"
    assert value["dispatch_id"] == BRAZE_SURVEY["dispatch_id"]
    assert "ada@example.com" not in str(value)


def test_answers_may_be_an_object() -> None:
    """With several chosen ones in one."""
    (event,) = message(like(BRAZE_SURVEY, answers={"channels": ["email", "sms"], "score": 5}))

    assert event.value["answers"]["channels"] == "email, sms"
    assert event.value["answers"]["score"] == "5"


def test_a_preference_is_reported_in_our_words() -> None:
    """It holds from the time of receipt where the template names none."""
    (event,) = message(BRAZE_PREFERENCE)

    value = written_and_read(event)
    assert (event.topic, value["kind"], value["channel"]) == ("comms.preference.v1", "CONSENT", "EMAIL")
    assert (value["state"], value["effective_at"]) == ("OPTED_OUT", RECEIVED)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"type": ""}, {"type"}),
        ({"user_id": "", "external_user_id": ""}, {"user_id"}),
        ({"at": "yesterday"}, {"at"}),
        ({"kind": "mood"}, {"kind"}),
        ({"kind": "", "state": ""}, {"kind", "state"}),
        ({"channel": "telepathy", "purpose": "fun"}, {"channel", "purpose"}),
        ({"kind": "preferred_channel"}, {"preferred_channel"}),
    ],
)
def test_what_is_wrong_with_a_message_is_named(changes: dict[str, Any], fields: set[str]) -> None:
    """By the names of the template."""
    with pytest.raises(InvalidEventError) as caught:
        message(like(BRAZE_PREFERENCE, **changes))

    assert {field for field, _ in caught.value.errors} == fields


def test_one_dispatch_covers_many_users() -> None:
    """Dispatch and user make the id (§3.2); the rest may differ in a repeat."""
    other = message(like(BRAZE_SURVEY, user_id="another"))[0]

    assert other.event_id != message(BRAZE_SURVEY)[0].event_id
    assert message(like(BRAZE_SURVEY, at=""))[0].event_id == message(BRAZE_SURVEY)[0].event_id


def test_a_message_type_without_a_word_of_ours_is_kept() -> None:
    """With what identifies it."""
    (event,) = message(like(BRAZE_SURVEY, type="waved"))

    assert event.is_unknown
    assert event.value["attributes"]["type"] == "waved"


def test_only_what_the_feed_has_the_say_in_is_told() -> None:
    """The rest is another feed's: nobody counts it twice."""
    assert message(BRAZE_PREFERENCE, signals=["survey"]) == []
    assert [event.topic for event in events(BOUNCE, signals=["suppression"])] == ["comms.preference.v1"]


def test_currents_cannot_sign() -> None:
    """The connector sends a bearer token and nothing else: settings that expect more are refused."""
    with pytest.raises(ValidationError, match="bearer"):
        events(OPEN, auth=HEADER)
    with pytest.raises(ValidationError, match="cannot come this way"):
        events(OPEN, signals=["workspace"])
