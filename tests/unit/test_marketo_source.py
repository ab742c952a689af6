"""From calls of Marketo's webhooks (marketo.md §2.13) to events."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from common.errors import InvalidEventError
from tests.support.events import written_and_read
from tests.support.hooks import HEADER
from tests.support.signals import MARKETO, like
from workers.ingest.sources.api import Events
from workers.ingest.sources.catalogue import AnyHook, HookConfig, hook_of

RECEIVED = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
CONFIG: TypeAdapter[HookConfig] = TypeAdapter(AnyHook)


def events(signal: Any, **settings: Any) -> Events:
    """What a call says, where its feed has the say in everything."""
    given = {"kind": "marketo", "auth": HEADER, "instance": "123-ABC-456", "signals": None, **settings}
    return hook_of(CONFIG.validate_python(given)).translate(signal, RECEIVED)


def value_of(signal: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The first event, as a reader of its topic sees it."""
    return written_and_read(events(signal, **settings)[0])


def test_a_form_is_an_engagement_of_the_sites_customer() -> None:
    """The lead field with the site's own id is the key; the lead is named beside it."""
    (event,) = events(MARKETO)

    value = written_and_read(event)
    assert (event.topic, value["type"], value["form"]) == ("comms.engagement.v1", "FORM_SUBMITTED", "quote-request")
    assert (value["campaign"], value["occurred_at"]) == ("Spring offers", datetime(2026, 11, 20, 10, 0, 19, tzinfo=UTC))
    assert (value["source"], value["source_instance"]) == ("marketo", "123-ABC-456")
    customer = value["customer"]
    assert (customer["customer_id"], customer["resolved"], customer["marketo_lead_id"]) == ("C-104711", True, "318592")
    assert "ada@example.com" not in str(value)


def test_a_lead_without_the_sites_id_is_a_substitute() -> None:
    """An empty token, in whichever way it is rendered, is no id; an address never is."""
    for empty in ("", None, "null", "ada@example.com"):
        (event,) = events(like(MARKETO, customerId=empty))
        assert event.is_substitute
        assert event.value["customer"]["customer_id"] == "marketo:123-ABC-456:318592"


@pytest.mark.parametrize(
    ("changes", "topic", "expected"),
    [
        ({"type": "email_opened", "asset": "welcome-1"}, "engagement", {"type": "EMAIL_OPENED", "asset": "welcome-1"}),
        (
            {"type": "score_changed", "score": "84", "scorePrevious": 79},
            "engagement",
            {"type": "SCORE_CHANGED", "score": 84, "score_previous": 79},
        ),
        ({"type": "page_visited", "url": "https://x.example"}, "engagement", {"url": "https://x.example"}),
        ({"type": "campaign_responded"}, "engagement", {"type": "CAMPAIGN_RESPONDED"}),
        (
            {"type": "profile_changed", "Lifecycle Stage": "prospect", "leadScore": "84", "membership": "spring"},
            "profile",
            {"lifecycle_stage": "prospect", "lead_score": 84, "memberships": ["spring"], "campaign": "Spring offers"},
        ),
        (
            {"type": "preference_changed", "kind": "CONSENT", "state": "opted out", "channel": "E-mail"},
            "preference",
            {"kind": "CONSENT", "state": "OPTED_OUT", "channel": "EMAIL", "evidence": "EXPLICIT"},
        ),
        (
            {"type": "preference_changed", "kind": "preferred channel", "preferredChannel": "print"},
            "preference",
            {"kind": "PREFERRED_CHANNEL", "preferred_channel": "PRINT", "state": None},
        ),
    ],
    ids=["open", "score", "page", "response", "profile", "consent", "preferred channel"],
)
def test_our_words_become_our_events(changes: dict[str, Any], topic: str, expected: dict[str, Any]) -> None:
    """Names in any style, numbers also as texts."""
    (event,) = events(like(MARKETO, **changes))

    value = written_and_read(event)
    assert event.topic == f"comms.{topic}.v1"
    assert {name: value[name] for name in expected} == expected


def test_an_unsubscription_is_a_wish_too() -> None:
    """As an engagement, and as evidence of a consent."""
    engagement, wish = events(like(MARKETO, type="unsubscribed"))

    assert (engagement.topic, engagement.value["type"]) == ("comms.engagement.v1", "UNSUBSCRIBED")
    assert (wish.topic, wish.value["state"], wish.value["address"]) == (
        "comms.preference.v1",
        "OPTED_OUT",
        "ada@example.com",
    )


def test_the_trigger_may_say_the_type() -> None:
    """Where the template names none; another trigger is kept as UNKNOWN and counted."""
    untyped = like(MARKETO, type=...)

    assert value_of(untyped, types={"Fills out form": "form_submitted"})["type"] == "FORM_SUBMITTED"
    assert events(untyped)[0].is_unknown
    assert value_of(untyped)["attributes"]["trigger_name"] == "Fills out form"


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("2026-11-20 10:00:19", "UTC", datetime(2026, 11, 20, 10, 0, 19, tzinfo=UTC)),
        ("2026-11-20 11:00:19", "Europe/Berlin", datetime(2026, 11, 20, 10, 0, 19, tzinfo=UTC)),
        ("Nov 20, 2026", "UTC", RECEIVED),
        ("", "UTC", RECEIVED),
        ("0001-01-01T00:00:00+23:00", "UTC", RECEIVED),
    ],
)
def test_a_time_token_is_read_as_far_as_it_can_be(at: str, zone: str, expected: datetime) -> None:
    """How it is rendered is not documented: one that cannot be read leaves the time of receipt."""
    assert value_of(like(MARKETO, at=at), time_zone=zone)["occurred_at"] == expected


def test_a_zone_that_is_none_is_refused_in_the_settings() -> None:
    """Before anything is read by it."""
    for zone in ("Berlin/Mitte", "", "../x"):
        with pytest.raises(ValidationError, match="is no time zone"):
            events(MARKETO, time_zone=zone)


def test_a_call_seen_twice_has_one_id() -> None:
    """Lead, campaign, time and type; or an id of the template's own; or all that was said."""
    (first,), (again,), (other,) = events(MARKETO), events(like(MARKETO, program="x")), events(like(MARKETO, leadId=1))
    assert first.event_id == again.event_id
    assert first.event_id != other.event_id

    own, renamed = events(like(MARKETO, eventId="e-1"))[0], events(like(MARKETO, eventId="e-1", at="x"))[0]
    assert own.event_id == renamed.event_id

    timeless = like(MARKETO, at=...)
    assert events(timeless)[0].event_id == events(dict(reversed(timeless.items())))[0].event_id
    assert events(timeless)[0].event_id != events(like(timeless, form="another"))[0].event_id


def test_another_instance_has_other_leads() -> None:
    """Ids and substitutes are an instance's own."""
    other = events(like(MARKETO, customerId=""), instance="999-XYZ-000")[0]

    assert other.event_id != events(like(MARKETO, customerId=""))[0].event_id
    assert other.value["customer"]["customer_id"] == "marketo:999-XYZ-000:318592"


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        ([], {""}),
        ({}, {"leadId"}),
        (like(MARKETO, leadId="", customerId=""), {"leadId"}),
        (like(MARKETO, type="score_changed", score="many", score_previous="1e999999999"), {"score", "score_previous"}),
        (like(MARKETO, type="profile_changed", program="", campaignId=""), {""}),
        (like(MARKETO, type="survey_completed", answers="yes"), {"answers"}),
    ],
)
def test_what_is_missing_or_wrong_is_named(signal: Any, fields: set[str]) -> None:
    """All at once, by the names of the template."""
    with pytest.raises(InvalidEventError) as caught:
        events(signal)

    assert {field for field, _ in caught.value.errors} == fields


def test_personal_data_travels_only_where_the_settings_allow_it() -> None:
    """The allow-list names fields of our customer record."""
    customer = events(like(MARKETO, firstName="Ada"), personal_data=["email", "first_name"])[0].value["customer"]

    assert (customer["email"], customer["first_name"]) == ("ada@example.com", "Ada")
