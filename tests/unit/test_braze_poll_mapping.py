"""Rows of Braze's lists as events, from the payloads of the vendor page (§2.10, §2.11)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from common.codec import Encoder, LocalSchemas
from common.errors import InvalidEventError
from tests.support.braze_poll import config
from workers.ingest.feeds import Signal
from workers.ingest.identity import pseudonym
from workers.ingest.pollers.braze.config import AssetKind
from workers.ingest.pollers.braze.mapping import AddressTranslation, AssetTranslation, moment_of
from workers.ingest.sources.api import NewEvent

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
UNSUBSCRIBED = {"email": "example@123.com", "unsubscribed_at": "2020-06-17 19:27:44 +0000"}
BOUNCED = {"email": "b@example.com", "hard_bounced_at": "2016-08-25 15:24:32 +0000"}
"""The page's own rows (§2.10)."""
BLOCK_ROW: dict[str, Any] = {
    "content_block_id": "cb-1", "name": "footer", "content_type": "html", "liquid_tag": "{{content_blocks.${footer}}}",
    "inclusion_count": 2, "created_at": "2026-01-01T00:00:00Z", "last_edited": "2026-06-17T19:27:44Z",
    "tags": ["Approved", "legal"],
}  # fmt: skip
TEMPLATE_ROW: dict[str, Any] = {
    "email_template_id": "t-1", "template_name": "welcome", "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-06-17T19:27:44Z", "tags": ["approved"],
}  # fmt: skip
TEMPLATE = {
    **TEMPLATE_ROW, "description": "", "subject": "Welcome", "preheader": "p", "body": "<b>Hi</b>",
    "plaintext_body": "Hi", "should_inline_css": True,
}  # fmt: skip
CAMPAIGN_ROW: dict[str, Any] = {
    "id": "c-1", "last_edited": "2026-06-17T19:27:44+00:00", "name": "spring", "is_api_campaign": False,
    "tags": ["approved"],
}  # fmt: skip
CAMPAIGN: dict[str, Any] = {
    "message": "success", "created_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-06-17T19:27:44+00:00",
    "archived": False, "draft": False, "enabled": True, "has_post_launch_draft": True, "name": "spring",
    "description": "", "schedule_type": "time_based", "channels": ["email", "sms"], "first_sent": None,
    "last_sent": None, "tags": ["approved"], "teams": [],
    "messages": {"m-1": {"channel": "email", "subject": "Hi", "body": "<p/>", "from": "Acme <a@acme.example>"}},
    "conversion_behaviors": [],
}  # fmt: skip
"""What §2.11 lists of each."""


def encoded(events: Any) -> list[NewEvent]:
    """The events, each of which fits its schema."""
    encoder = Encoder(LocalSchemas())
    assert all(encoder.encode(event.topic, event.value) for event in events)
    return list(events)


def asset(kind: AssetKind, row: Any, whole: Any, **settings: Any) -> list[NewEvent]:
    """What one thing of a list says."""
    return encoded(AssetTranslation(kind, config(**settings))({"row": row, "whole": whole}, NOW))


def test_the_page_s_unsubscribe() -> None:
    """§2.10: an address, a moment, and nobody's name."""
    (event,) = encoded(AddressTranslation(config()).unsubscribed(UNSUBSCRIBED, NOW))

    value = event.value
    assert (event.topic, event.signal) == ("comms.preference.v1", Signal.UNSUBSCRIBE)
    assert (value["kind"], value["channel"], value["purpose"], value["state"]) == (
        "CONSENT", "EMAIL", "MARKETING", "OPTED_OUT",
    )  # fmt: skip
    assert value["occurred_at"] == value["effective_at"] == datetime(2020, 6, 17, 19, 27, 44, tzinfo=UTC)
    assert (value["address"], value["evidence"]) == ("example@123.com", "EXPLICIT")
    assert value["customer"] == {
        "customer_id": f"braze:retail-eu:{pseudonym('example@123.com')}",
        "resolved": False,
    }


def test_the_page_s_hard_bounce() -> None:
    """It is no wish: the address is suppressed for every purpose."""
    (event,) = encoded(AddressTranslation(config()).bounced(BOUNCED, NOW))

    value = event.value
    assert event.signal is Signal.SUPPRESSION
    assert (value["kind"], value["channel"], value.get("purpose"), value["state"]) == (
        "SUPPRESSION", "EMAIL", None, "ON",
    )  # fmt: skip
    assert value["effective_at"] == datetime(2016, 8, 25, 15, 24, 32, tzinfo=UTC)


def test_one_row_has_one_id_however_it_is_written() -> None:
    """Capitals of an address do not make another; another moment does."""
    translate = AddressTranslation(config()).unsubscribed
    again = {**UNSUBSCRIBED, "email": "Example@123.com"}
    later = {**UNSUBSCRIBED, "unsubscribed_at": "2021-06-17 19:27:44 +0000"}

    ids = [translate(row, NOW)[0].event_id for row in (UNSUBSCRIBED, again, later)]

    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ({}, {"email", "unsubscribed_at"}),
        ({**UNSUBSCRIBED, "unsubscribed_at": "2020-06-17 19:27:44"}, {"unsubscribed_at"}),
        ({**UNSUBSCRIBED, "email": " "}, {"email"}),
        ("text", {"email", "unsubscribed_at"}),
    ],
    ids=["empty", "no_zone", "blank", "text"],
)
def test_every_missing_field_is_named(row: Any, fields: set[str]) -> None:
    """So that its letter says what is wrong."""
    with pytest.raises(InvalidEventError) as caught:
        AddressTranslation(config()).unsubscribed(row, NOW)

    assert {name for name, _ in caught.value.errors} == fields


@pytest.mark.parametrize(
    ("kind", "row", "whole", "content_type", "body", "form"),
    [
        (
            AssetKind.CONTENT_BLOCKS, BLOCK_ROW,
            {**BLOCK_ROW, "content": "<p>f</p>", "description": ""}, "content_block", "<p>f</p>", "html",
        ),
        (AssetKind.EMAIL_TEMPLATES, TEMPLATE_ROW, TEMPLATE, "template", "<b>Hi</b>", "html"),
        (
            AssetKind.CAMPAIGNS, CAMPAIGN_ROW, CAMPAIGN, "campaign_asset",
            '{"m-1":{"body":"<p/>","channel":"email","from":"Acme <a@acme.example>","subject":"Hi"}}', "json",
        ),
        (
            AssetKind.CANVASES, {**CAMPAIGN_ROW, "id": "v-1"},
            {**CAMPAIGN, "variants": [{"name": "v"}], "steps": [{"id": "s", "messages": {}}]}, "campaign_asset",
            '[{"id":"s","messages":{}}]', "json",
        ),
    ],
    ids=["content_block", "template", "campaign", "canvas"],
)  # fmt: skip
def test_an_approved_thing(
    kind: AssetKind, row: dict[str, Any], whole: dict[str, Any], content_type: str, body: str, form: str
) -> None:
    """§2.11: its body, its version, and what traces it back."""
    (event,) = asset(kind, row, whole)

    value = event.value
    assert (event.topic, event.signal, value["type"]) == ("comms.content.v1", Signal.CONTENT_STATUS, "APPROVED")
    assert (value["content_type"], value["body"], value["attributes"]["body_format"]) == (content_type, body, form)
    assert value["content_id"] in ("cb-1", "t-1", "c-1", "v-1")
    assert value["occurred_at"] == datetime(2026, 6, 17, 19, 27, 44, tzinfo=UTC)
    assert value["attributes"]["kind"] == kind.value
    assert value["customer"] is None


def test_the_version_is_the_content_s() -> None:
    """When it was edited, where it is used and how it is tagged make no version; what it says does."""
    whole = {**BLOCK_ROW, "content": "A", "description": ""}
    edited = {**BLOCK_ROW, "last_edited": "2026-07-01T00:00:00Z", "inclusion_count": 9}

    (first,) = asset(AssetKind.CONTENT_BLOCKS, BLOCK_ROW, whole)
    (same,) = asset(AssetKind.CONTENT_BLOCKS, edited, {**whole, **edited, "tags": ["approved"]})
    (other,) = asset(AssetKind.CONTENT_BLOCKS, BLOCK_ROW, {**whole, "content": "B"})

    assert first.value["version"] == same.value["version"] != other.value["version"]


@pytest.mark.parametrize(
    ("tags", "settings", "workspace"),
    [
        (["approved", "Workspace: 36780 "], {}, "36780"),
        (["approved"], {"workspace": "4711"}, "4711"),
        (["approved", "workspace:36780"], {"workspace": "4711"}, "36780"),
        (["approved", "workspace:"], {}, None),
        (["approved", "file:7"], {"workspace_tag": "file:"}, "7"),
    ],
    ids=["tag", "setting", "tag_first", "empty_tag", "other_tag"],
)
def test_where_material_is_to_be_filed(tags: list[str], settings: dict[str, Any], workspace: str | None) -> None:
    """B8: a tag says it, else the settings do; nobody guesses."""
    whole = {**BLOCK_ROW, "content": "A", "description": "", "tags": tags}

    (event,) = asset(AssetKind.CONTENT_BLOCKS, BLOCK_ROW, whole, **settings)

    assert (event.value["workspace_ref"], event.value["content_name"]) == (workspace, "footer")


@pytest.mark.parametrize(
    "more",
    [{"draft": True}, {"enabled": False}, {"archived": True}, {"tags": []}],
    ids=["draft", "off", "archived", "no_tag"],
)
def test_a_campaign_that_is_not_approved(more: dict[str, Any]) -> None:
    """§2.11: the page of the campaign counts, not the list; UPDATED where it is wanted, without its body."""
    assert asset(AssetKind.CAMPAIGNS, CAMPAIGN_ROW, {**CAMPAIGN, **more}) == []

    (event,) = asset(AssetKind.CAMPAIGNS, CAMPAIGN_ROW, {**CAMPAIGN, **more}, unapproved=True)

    assert (event.value["type"], event.value["body"]) == ("UPDATED", None)


def test_a_thing_without_an_id_is_named() -> None:
    """Its letter says what is missing."""
    with pytest.raises(InvalidEventError) as caught:
        asset(AssetKind.EMAIL_TEMPLATES, {"template_name": "x"}, None)

    assert list(caught.value.errors) == [("email_template_id", "is missing")]


@pytest.mark.parametrize("said", [None, "", "yesterday", "2020-06-17 19:27:44", 7, "9999-99-99 00:00:00 +0000"])
def test_what_is_no_moment(said: Any) -> None:
    """None, rather than a guess."""
    assert moment_of(said) is None


def test_a_poller_without_material_does_not_claim_it() -> None:
    """Nor does it ask for it; a signal that Braze does not list is refused."""
    assert config(assets=()).trusted == {Signal.UNSUBSCRIBE, Signal.SUPPRESSION}
    with pytest.raises(ValidationError, match="email_engagement cannot be polled"):
        config(signals={"email_engagement"})
