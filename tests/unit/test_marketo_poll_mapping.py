"""Rows of Marketo's log as events, from the payloads of the vendor page (§2.10, §2.11)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from common.codec import Encoder, LocalSchemas
from common.errors import InvalidEventError
from tests.support.marketo_poll import INSTANCE, config
from workers.ingest.pollers.marketo.mapping import MarketoTranslation
from workers.ingest.sources.api import NewEvent, Trusted
from workers.vendors.marketo.consent import ConsentRule

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PERSON = {"id": 1, "customerNumber": "C-1", "email": "ada@example.com"}

CLICK: dict[str, Any] = {
    "id": 102988,
    "marketoGUID": "102988",
    "leadId": 1,
    "activityDate": "2026-11-20T10:00:19Z",
    "activityTypeId": 11,
    "campaignId": 1043,
    "primaryAttributeValueId": 1009,
    "primaryAttributeValue": "Newsletter.Nov issue",
    "attributes": [
        {"name": "Campaign Run ID", "value": 86},
        {"name": "Link", "value": "http://mylink"},
        {"name": "Is Bot Activity", "value": False},
        {"name": "Bot Activity Pattern", "value": "N/A"},
        {"name": "Platform", "value": "Win7"},
        {"name": "Device", "value": "Windows Desktop"},
        {"name": "Is Mobile Device", "value": False},
    ],
}
"""The page's own row (§2.10b)."""


def translation(**more: Any) -> MarketoTranslation:
    return MarketoTranslation(config("https://123-abc-456.mktorest.com", **more))


def row(type_id: int, primary: str | None = "x", **attributes: Any) -> dict[str, Any]:
    named = [{"name": name.replace("_", " "), "value": value} for name, value in attributes.items()]
    return {**CLICK, "activityTypeId": type_id, "primaryAttributeValue": primary, "attributes": named}


def activity(signal: dict[str, Any], person: Any = PERSON, **settings: Any) -> list[NewEvent]:
    events = list(translation(**settings).activity({"row": signal, "person": person}, NOW))
    encoder = Encoder(LocalSchemas())
    assert all(encoder.encode(event.topic, event.value) for event in events)
    return events


def change(person: Any = PERSON, by: str = "Web form fillout", settings: Any = None, **new: Any) -> list[NewEvent]:
    fields = [{"id": 48, "name": name, "newValue": value, "oldValue": None} for name, value in new.items()]
    signal = {**row(13, Source=by), "fields": fields}
    events = list(translation(**(settings or {})).change({"row": signal, "person": person}, NOW))
    encoder = Encoder(LocalSchemas())
    assert all(encoder.encode(event.topic, event.value) for event in events)
    return events


def test_the_page_s_click() -> None:
    """§2.10b: who, what, where, and whether a machine did it."""
    (event,) = activity(CLICK)

    value = event.value
    assert event.topic == "comms.engagement.v1"
    assert value["type"] == "EMAIL_CLICKED"
    assert (value["asset"], value["url"], value["campaign"]) == ("Newsletter.Nov issue", "http://mylink", "1043")
    assert value["automated"] is False
    assert value["occurred_at"] == datetime(2026, 11, 20, 10, 0, 19, tzinfo=UTC)
    assert value["customer"]["customer_id"] == "C-1"
    assert value["customer"]["marketo_lead_id"] == "1"
    assert value["attributes"]["campaign_run_id"] == "86"


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (row(1, "Renewals", Webpage_URL="/renew"), {"type": "PAGE_VISITED", "asset": "Renewals", "url": "/renew"}),
        (row(2, "Quote", Referrer_URL="/quote"), {"type": "FORM_SUBMITTED", "form": "Quote", "url": "/quote"}),
        (row(7, "Mail"), {"type": "EMAIL_DELIVERED", "asset": "Mail"}),
        (row(8, "Mail", Category="2"), {"type": "EMAIL_BOUNCED", "bounce_class": "hard"}),
        (row(8, "Mail", Category="1"), {"type": "EMAIL_BOUNCED", "bounce_class": "block"}),
        (row(27, "Mail", Category="3"), {"type": "EMAIL_SOFT_BOUNCED", "bounce_class": "soft"}),
        (row(9, "Mail"), {"type": "UNSUBSCRIBED", "asset": "Mail"}),
        (row(10, "Mail", Is_Bot_Activity="true"), {"type": "EMAIL_OPENED", "automated": True}),
        (
            row(22, "Score", New_Value="84", Old_Value="76"),
            {"type": "SCORE_CHANGED", "score": 84, "score_previous": 76},
        ),
        (row(104, "Spring", New_Status="Attended"), {"type": "CAMPAIGN_RESPONDED", "campaign": "Spring"}),
        (row(46, None), {"type": "UNKNOWN"}),
    ],
    ids=["page", "form", "delivered", "hard", "block", "soft", "unsubscribed", "bot", "score", "programme", "unknown"],
)  # fmt: skip
def test_each_type_has_its_meaning(signal: dict[str, Any], expected: dict[str, Any]) -> None:
    """§2.11: attributes are named as people see them."""
    value = activity(signal)[0].value

    assert {name: value.get(name) for name in expected} == expected


def test_a_score_is_the_profile_s_too() -> None:
    """Under an id of its own."""
    engagement, profile = activity(row(22, "Score", New_Value=84, Old_Value=76))

    assert (profile.topic, profile.value["lead_score"]) == ("comms.profile.v1", 84)
    assert profile.event_id != engagement.event_id


def test_a_site_s_own_type_has_the_meaning_that_it_says() -> None:
    """Custom activities are known by number only."""
    (event,) = activity(row(100001, "NPS"), activities={100001: "SURVEY_COMPLETED"})

    assert event.value["type"] == "SURVEY_COMPLETED"


@pytest.mark.parametrize("date", ["2026-11-20T10:00:19Z", "2026-11-20T10:00:19+0000", "2026-11-20T02:00:19-08:00"])
def test_all_three_spellings_of_a_date_are_read(date: str) -> None:
    """§0: with Z, an offset without colon, an explicit one."""
    (event,) = activity({**CLICK, "activityDate": date})

    assert event.value["occurred_at"] == datetime(2026, 11, 20, 10, 0, 19, tzinfo=UTC)


def test_an_event_s_id_is_the_row_s() -> None:
    """Seen twice it is one event; another subscription's row is another."""
    first, again = activity(CLICK)[0], activity({**CLICK, "campaignId": 7})[0]
    other = activity(CLICK, munchkin_id="999-ZZZ-999")[0]

    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize("name", ["leadId", "activityDate", "activityTypeId", "marketoGUID"])
def test_a_missing_field_is_named(name: str) -> None:
    """For whoever reads the letter."""
    with pytest.raises(InvalidEventError, match=name):
        activity({key: value for key, value in CLICK.items() if key != name})


def test_unknown_extra_fields_are_ignored() -> None:
    """Marketo adds what it likes."""
    assert activity({**CLICK, "isNew": True})[0].value == activity(CLICK)[0].value


def test_an_address_travels_only_where_it_may() -> None:
    """By default nobody's."""
    assert activity(CLICK)[0].value["customer"].get("email") is None
    assert activity(CLICK, personal_data={"email"})[0].value["customer"]["email"] == "ada@example.com"


def test_a_lead_without_the_site_s_id_is_a_substitute() -> None:
    """Design §4."""
    customer = activity(CLICK, person={})[0].value["customer"]

    assert (customer["customer_id"], customer["resolved"]) == (f"marketo:{INSTANCE}:1", False)


@pytest.mark.parametrize(
    ("new", "state"),
    [("true", "OPTED_OUT"), (True, "OPTED_OUT"), ("false", "OPTED_IN"), (None, "OPTED_IN"), ("?", "UNKNOWN")],
)
def test_unsubscribed_says_what_was_wished(new: Any, state: str) -> None:
    """§6: strings or booleans; an emptied flag is off; what is neither counts as opted out."""
    (event,) = change(unsubscribed=new)

    value = event.value
    assert (value["state"], value["channel"], value["purpose"], value["evidence"]) == (
        state, "EMAIL", "MARKETING", "EXPLICIT",
    )  # fmt: skip
    assert value["actor"]["kind"] == "CUSTOMER"
    assert value["effective_at"] == value["occurred_at"]


def test_what_a_system_changed_was_not_the_customer() -> None:
    """An echo of our own write comes this way, too (§2.11)."""
    assert change(by="Web service API", unsubscribed=True)[0].value["actor"]["kind"] == "SYSTEM"


@pytest.mark.parametrize(
    ("rule", "new", "expected"),
    [
        ({"kind": "PAPERLESS", "field": "paperless"}, True, {"state": "ON"}),
        ({"kind": "SUBSCRIPTION", "field": "news", "subscription_group": "n"}, False, {"state": "OPTED_OUT"}),
        ({"kind": "PREFERRED_CHANNEL", "field": "channel"}, "sms", {"preferred_channel": "SMS", "state": None}),
        ({"kind": "PREFERRED_CHANNEL", "field": "channel"}, "fax", {"preferred_channel": None, "state": None}),
    ],
    ids=["paperless", "subscription", "channel", "fax"],
)  # fmt: skip
def test_a_site_s_own_fields_report_by_its_rules(rule: dict[str, Any], new: Any, expected: dict[str, Any]) -> None:
    """The same rules that the sink writes by."""
    (event,) = change(settings={"consent": (ConsentRule(**rule),)}, **{rule["field"]: new})

    assert {name: event.value[name] for name in expected} == expected


def test_a_profile_field_is_told_and_an_emptied_one_is_cleared() -> None:
    """Null alone would mean that nothing was said."""
    (told,), (emptied,) = change(stage="customer"), change(stage=None)

    assert (told.value["lifecycle_stage"], told.value["cleared"]) == ("customer", [])
    assert (emptied.value["lifecycle_stage"], emptied.value["cleared"]) == (None, ["lifecycle_stage"])


def test_a_merge_without_losers_says_nothing() -> None:
    """The attribute's name is not sure (§2.11)."""
    assert activity(row(32)) == []


def test_a_customer_id_that_is_an_address_links_nobody() -> None:
    """Nobody is recognised by an e-mail address."""
    assert change(customerNumber="ada@example.com") == []


def test_what_another_feed_tells_is_passed_over() -> None:
    """`signals` cuts the events, not the rows; what we have no word for is nobody else's."""
    settings = config("https://123-abc-456.mktorest.com", signals={"unsubscribe"})
    mapping = Trusted(MarketoTranslation(settings).activity, settings.trusted)

    assert mapping({"row": CLICK, "person": PERSON}, NOW) == []
    assert [one.value["type"] for one in mapping({"row": row(9), "person": PERSON}, NOW)] == ["UNSUBSCRIBED"]
    assert [one.value["type"] for one in mapping({"row": row(4711), "person": PERSON}, NOW)] == ["UNKNOWN"]
