"""What goes into a request to Marketo, who it is about, and the settings that say so."""

import math
from collections.abc import Callable
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
from tests.support.marketo import SITE, config, event, of
from workers.sinks.api import Item
from workers.sinks.marketo import mapping, requests
from workers.sinks.marketo.config import ActivityType, MarketoConfig, ObjectType
from workers.sinks.marketo.consent import consent_fields, is_kept
from workers.sinks.marketo.mapping import Who
from workers.sinks.marketo.parameters import (
    AddActivity,
    ListMembership,
    TriggerCampaign,
    UpdateConsent,
    UpsertLead,
    UpsertObject,
)
from workers.sinks.marketo.requests import CampaignCall
from workers.vendors.marketo.consent import ConsentRule
from workers.vendors.marketo.request import find_leads

CONFIG = config()
SUBSTITUTE = {"customer_id": "marketo:123-ABC-456:42", "resolved": False}


def upsert(fields: dict[str, Any], about: Event | None = None, **more: Any) -> Item:
    return mapping.upsert_lead(about or event(), UpsertLead(fields=fields, **more), CONFIG)


def activity(about: Event | None = None, **parameters: Any) -> Item:
    given_ = {"activity": "document_sent", "primary": "welcome"} | parameters
    return mapping.add_activity(about or event(), AddActivity(**given_), CONFIG)


def trigger(about: Event | None = None, **parameters: Any) -> Item:
    return mapping.trigger_campaign(
        about or event(), TriggerCampaign(**({"campaign": "onboarding"} | parameters)), CONFIG
    )


def row(item: Item) -> Any:
    return orjson.loads(item.body.row)


def refusal(make: Any, *arguments: Any, **parameters: Any) -> UnusableEventError:
    with pytest.raises(UnusableEventError) as caught:
        make(*arguments, **parameters)
    return caught.value


# -- golden requests ----------------------------------------------------------------------------


def test_a_sync_is_the_request_of_the_page() -> None:
    """§2.1: action, lookupField, partitionName, input."""
    item = upsert({"email": "Ada@example.com", "firstName": "Ada", "leadScore": 40}, partition="EMEA")

    request = requests.write(item.shared_by, [item.body.row])

    assert (request.method, request.path) == ("POST", "/rest/v1/leads.json")
    assert orjson.loads(request.body or b"") == {
        "action": "createOrUpdate",
        "lookupField": "customerNumber",
        "partitionName": "EMEA",
        "input": [{"customerNumber": "C-1", "email": "ada@example.com", "firstName": "Ada", "leadScore": 40}],
    }


def test_a_sync_by_number_only_updates() -> None:
    """§2.1: id is for updateOnly; a partition is not."""
    item = upsert({"firstName": None}, event(SUBSTITUTE), partition="EMEA")

    assert item.shared_by == requests.LeadsCall("updateOnly", "id", None)
    assert row(item) == {"id": 42, "firstName": None}


def test_an_activity_is_the_request_of_the_page() -> None:
    """§2.4: leadId in front, every attribute as text."""
    item = activity(attributes={"orderTotal": 99.9, "isNew": True, "note": None})

    request = requests.write(item.shared_by, [requests.with_id("leadId", 318592, item.body.row)])

    assert request.path == "/rest/v1/activities/external.json"
    assert orjson.loads(request.body or b"") == {
        "input": [
            {
                "leadId": 318592,
                "activityDate": "2026-11-20T09:15:00Z",
                "activityTypeId": 100001,
                "primaryAttributeValue": "welcome",
                "attributes": [
                    {"apiName": "orderTotal", "value": "99.9"},
                    {"apiName": "isNew", "value": "true"},
                    {"apiName": "note", "value": ""},
                    {"apiName": "eventId", "value": "e-1"},
                ],
            }
        ]
    }


def test_a_campaign_request_is_that_of_the_page() -> None:
    """§2.5: braces are a part of a token's name; all leads share all tokens."""
    item = trigger(tokens={"subjectLine": "Your order shipped", "my.body": "<p>…</p>"})

    request = requests.write(item.shared_by, [requests.with_id("id", 318592), requests.with_id("id", 318593)])

    assert request.path == "/rest/v1/campaigns/3712/trigger.json"
    assert orjson.loads(request.body or b"") == {
        "input": {
            "leads": [{"id": 318592}, {"id": 318593}],
            "tokens": [
                {"name": "{{my.body}}", "value": "<p>…</p>"},
                {"name": "{{my.subjectLine}}", "value": "Your order shipped"},
            ],
        }
    }


def test_a_list_is_changed_by_the_requests_of_the_page() -> None:
    """§2.8: POST adds, DELETE removes, both with a JSON body."""
    item = mapping.list_membership(event(), ListMembership(list="save"), CONFIG)
    rows = [requests.with_id("id", 1), requests.with_id("id", 2)]

    made = [requests.write(item.shared_by, rows, is_removal=flag) for flag in (False, True)]

    assert [(each.method, each.path) for each in made] == [
        ("POST", "/rest/v1/lists/1001/leads.json"),
        ("DELETE", "/rest/v1/lists/1001/leads.json"),
    ]
    assert {(each.body, each.content_type) for each in made} == {(b'{"input":[{"id":1},{"id":2}]}', "application/json")}


def test_an_object_is_the_request_of_the_page() -> None:
    """§2.7: by dedupeFields, linked to the customer."""
    item = mapping.upsert_object(
        event(), UpsertObject(object="communication", fields={"documentId": "7781", "total": 99.9}), CONFIG
    )
    request = requests.write(item.shared_by, [item.body.row])

    assert request.path == "/rest/v1/customobjects/communication_c.json"
    assert orjson.loads(request.body or b"") == {
        "action": "createOrUpdate",
        "dedupeBy": "dedupeFields",
        "input": [{"documentId": "7781", "total": 99.9, "customerNumber": "C-1"}],
    }


def test_a_look_up_is_a_post_that_reads() -> None:
    """§0, §2.2: 300 values do not fit into an address; a plus sign is escaped."""
    request = find_leads("customerNumber", ["C+1", "C-2"], ("id", "customerNumber"))

    assert request.path == "/rest/v1/leads.json?_method=GET"
    assert request.content_type == "application/x-www-form-urlencoded"
    assert b"filterType=customerNumber&filterValues=C%2B1%2CC-2&fields=id%2CcustomerNumber" in (request.body or b"")


def test_the_size_is_what_is_sent() -> None:
    """An item's size counts its bytes, its lead's number and the comma, so a batch cannot pass the limit."""
    items = [activity(event(event_id=f"e-{n}"), attributes={"n": "x" * n}) for n in range(20)]
    rows = [requests.with_id("leadId", 10**17, item.body.row) for item in items]

    assert len(requests.write(None, rows).body or b"") <= sum(item.size for item in items) + mapping.ENVELOPE_BYTES


# -- who ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("customer", "who"),
    [
        ({"customer_id": "C-1", "resolved": True}, Who(None, "C-1")),
        ({"customer_id": "C-1", "resolved": True, "marketo_lead_id": "7"}, Who(7, "C-1")),
        (SUBSTITUTE, Who(42, None)),
        ({"customer_id": "marketo:123-abc-456:42", "resolved": False}, Who(42, None)),
        ({"customer_id": "braze:app:1", "resolved": False, "marketo_lead_id": "7"}, Who(7, None)),
    ],
)
def test_a_lead_is_named_by_what_the_event_knows(customer: dict[str, Any], who: Who) -> None:
    """The site's own id, else the lead's number, else that of the substitute (design §4)."""
    assert mapping.who_of(event(customer), CONFIG) == who


@pytest.mark.parametrize(
    "customer",
    [
        {},
        {"customer_id": "", "resolved": True},
        {"customer_id": "braze:app:639a35d1", "resolved": False},
        {"customer_id": "marketo:999-XYZ-999:42", "resolved": False},
        {"customer_id": "marketo:42", "resolved": False},
        {"customer_id": "marketo:123-ABC-456:four", "resolved": False},
        {"customer_id": "marketo:123-ABC-456:" + "9" * 5000, "resolved": False},
    ],
)
def test_an_event_of_nobody_is_unusable(customer: dict[str, Any]) -> None:
    """No lead of this instance: missing_customer."""
    assert refusal(upsert, {"stage": "x"}, event(customer)).reason is Reason.MISSING_CUSTOMER


def test_a_customer_id_that_no_look_up_can_carry_is_refused() -> None:
    """§2.2: values are separated by commas; a text field holds 255 characters."""
    assert refusal(activity, of("C,1")).reason is Reason.INVALID_PARAMETER
    assert refusal(activity, of("C" * 256)).reason is Reason.OVERSIZED


def test_the_field_that_finds_the_lead_needs_a_value() -> None:
    """§2.1: it must be present in every record; an e-mail may come from the customer."""
    found = upsert({"stage": "x"}, of("C-1", email="A@B.example"), lookup_field="email")

    assert row(found)["email"] == "a@b.example"
    assert refusal(upsert, {"stage": "x"}, lookup_field="email").reason is Reason.INVALID_PARAMETER
    assert refusal(upsert, {"stage": "x"}, lookup_field="leadSource").reason is Reason.INVALID_PARAMETER


def test_an_update_may_leave_unknown_leads_alone() -> None:
    """§2.1: updateOnly."""
    assert upsert({"stage": "x"}, create=False).shared_by == requests.LeadsCall("updateOnly", "customerNumber", None)


# -- values -------------------------------------------------------------------------------------


def test_times_are_utc_to_the_second() -> None:
    """§0: the form of every sample."""
    paris = datetime(2026, 7, 1, 12, 0, 0, 987, tzinfo=timezone(timedelta(hours=2)))

    assert row(upsert({"renewal": paris}))["renewal"] == "2026-07-01T10:00:00Z"
    assert row(activity(time=paris))["activityDate"] == "2026-07-01T10:00:00Z"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["a"], Reason.INVALID_PARAMETER),
        ({"a": 1}, Reason.INVALID_PARAMETER),
        (math.nan, Reason.INVALID_PARAMETER),
        (2**63, Reason.INVALID_PARAMETER),
        ("\ud800", Reason.INVALID_PARAMETER),
        (b"raw", Reason.INVALID_PARAMETER),
        ("x" * 65_536, Reason.OVERSIZED),
    ],
)
def test_a_value_that_marketo_cannot_hold_is_refused(value: Any, reason: Reason) -> None:
    """§2.1: fields hold single values."""
    assert refusal(upsert, {"stage": value}).reason is reason


@pytest.mark.parametrize("address", ["ada@exämple.com", "ada", 7])
def test_an_address_is_ascii(address: Any) -> None:
    """§2.1: Marketo takes no other."""
    assert refusal(upsert, {"email": address}).reason is Reason.INVALID_PARAMETER


def test_what_is_too_large_is_refused_alone() -> None:
    """§2.4: 65,536 bytes of attributes; §3: 1 MB a request; tokens share it with the leads."""
    attributes = {f"a{n}": "x" * 5000 for n in range(14)}
    assert refusal(activity, attributes=attributes).reason is Reason.OVERSIZED
    assert refusal(upsert, {f"f{n}": "x" * 60_000 for n in range(20)}).reason is Reason.OVERSIZED
    assert refusal(trigger, tokens={f"t{n}": "x" * 50_000 for n in range(20)}).reason is Reason.OVERSIZED


def test_a_record_without_its_key_is_refused() -> None:
    """§2.7: all dedupe fields must be in every record."""
    parameters = UpsertObject(object="communication", fields={"status": "SENT"})

    assert refusal(mapping.upsert_object, event(), parameters, CONFIG).reason is Reason.INVALID_PARAMETER
    linked = UpsertObject(object="communication", fields={"documentId": "D"})
    assert refusal(mapping.upsert_object, event(SUBSTITUTE), linked, CONFIG).reason is Reason.MISSING_CUSTOMER


def test_a_site_may_name_attributes_and_fields_otherwise() -> None:
    """What flows call documentId may be document_id_c there; null leaves one out."""
    names = {"documentId": "docNo", "status": None}
    activity_type = ActivityType(type_id=7, attributes=names)
    kind = ObjectType(api_name="communication_c", dedupe_fields=("docNo",), fields=names)
    site = config(activities={"document": activity_type}, objects={"communication": kind})
    given = {"documentId": "D-1", "status": "SENT", "channel": "EMAIL"}

    done = row(mapping.add_activity(event(), AddActivity(activity="document", primary="p", attributes=given), site))
    record = row(mapping.upsert_object(event(), UpsertObject(object="communication", fields=given), site))

    assert {each["apiName"]: each["value"] for each in done["attributes"]} == {"docNo": "D-1", "channel": "EMAIL"}
    assert record == {"docNo": "D-1", "channel": "EMAIL"}


def test_a_preferred_campaign_counts_where_the_settings_know_it() -> None:
    """A customer type may have a campaign of its own, and need not."""
    own = trigger(prefer=["onboarding-retail-loan", "renewal"])
    default = trigger(prefer=["onboarding-retail-loan"])

    assert (own.shared_by, default.shared_by) == (CampaignCall(3713, ()), CampaignCall(3712, ()))


def test_a_name_made_from_a_record_is_the_record_s_fault() -> None:
    """Constants were checked at start-up."""
    assert "'winback' is not in sinks.marketo.campaigns" in refusal(trigger, campaign="winback").detail
    assert "sinks.marketo.activities" in refusal(activity, activity="winback").detail


def test_the_customer_id_is_the_sink_s_own() -> None:
    """A flow that wrote another one would move the lead to another customer."""
    assert refusal(upsert, {"customerNumber": "C-2"}).reason is Reason.INVALID_PARAMETER


@pytest.mark.parametrize("name", ["id", "createdAt", "unsubscribed", "doNotCallReason", "blackListed", "a.b", "", "1a"])
def test_fields_that_are_not_a_flow_s_are_refused(name: str) -> None:
    """§6: system fields are read-only, consent comes from decisions only."""
    with pytest.raises(ValidationError):
        UpsertLead(fields={name: "x"})


@pytest.mark.parametrize("name", ["", "{{other.x}", "a{b", " "])
def test_a_token_has_a_name(name: str) -> None:
    """§2.5: {{my.x}}."""
    with pytest.raises(ValidationError):
        TriggerCampaign(campaign="onboarding", tokens={name: "x"})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(timezones=st.just(UTC))
values = st.recursive(scalars, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=5)


@given(value=values)
def test_any_value_is_sent_as_json_or_refused_with_a_reason(value: Any) -> None:
    """No value makes another exception, and what is made is JSON."""
    for make in (lambda: upsert({"stage": value}), lambda: activity(attributes={"a": value})):
        assert made_or_refused(make) in (dict, Reason.INVALID_PARAMETER, Reason.OVERSIZED)


def made_or_refused(make: Callable[[], Item]) -> Any:
    try:
        return type(row(make()))
    except UnusableEventError as error:
        return error.reason


# -- consent ------------------------------------------------------------------------------------

RULES = (
    *config().consent,
    ConsentRule(channel="SMS", field="smsConsent", opted_in="yes", opted_out="no"),
    ConsentRule(kind="PAPERLESS", field="paperless"),
    ConsentRule(kind="PREFERRED_CHANNEL", field="preferredChannel"),
    ConsentRule(kind="SUBSCRIPTION", subscription_group="news", field="newsletter"),
)


@pytest.mark.parametrize(
    ("decision", "fields"),
    [
        (
            {"channel": "EMAIL", "purpose": "MARKETING", "state": "OPTED_OUT", "reason": "ecm"},
            {"unsubscribed": True, "unsubscribedReason": "ecm"},
        ),
        ({"channel": "SMS", "purpose": "MARKETING", "state": "OPTED_IN"}, {"smsConsent": "yes"}),
        ({"state": "SUSPENDED"}, {"unsubscribed": True, "unsubscribedReason": "", "smsConsent": "no"}),
        ({"channel": "EMAIL", "purpose": "SERVICE", "state": "OPTED_OUT"}, {}),
        ({"kind": "PAPERLESS", "state": "ON"}, {"paperless": True}),
        ({"kind": "PAPERLESS", "state": None}, {"paperless": False}),
        ({"kind": "PREFERRED_CHANNEL", "preferred_channel": "PRINT"}, {"preferredChannel": "PRINT"}),
        ({"kind": "SUBSCRIPTION", "subscription_group": "news", "state": "SUBSCRIBED"}, {"newsletter": True}),
        ({"kind": "SUBSCRIPTION", "subscription_group": "offers", "state": "SUBSCRIBED"}, {}),
    ],
)
def test_a_decision_becomes_the_fields_of_its_rules(decision: dict[str, Any], fields: dict[str, Any]) -> None:
    """§6: a decision about every channel takes part in each; only a plain yes is a yes."""
    assert consent_fields(UpdateConsent(**({"kind": "CONSENT"} | decision)), RULES) == fields


def test_a_decision_that_no_field_shows_is_refused() -> None:
    """Where there must be one, a person adds a rule, and redrives."""
    decision, strict = UpdateConsent(kind="PAPERLESS", state="ON"), config(without_rule="dead_letter")

    assert "sinks.marketo.consent" in refusal(mapping.update_consent, event(), decision, strict).detail


@pytest.mark.parametrize(
    ("expected", "found", "kept"),
    [
        (True, True, True), (True, "true", True), (False, "False", True), (True, False, False), (False, None, False),
        ("", None, True), ("PRINT", "PRINT", True), (7, "7", True), (None, "x", False),
    ],
)  # fmt: skip
def test_a_field_that_is_read_back_is_coerced(expected: Any, found: Any, kept: bool) -> None:
    """§6: values come back as strings or booleans."""
    assert is_kept(expected, found) is kept


# -- settings -----------------------------------------------------------------------------------


def refused(**change: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        MarketoConfig(**({"base_url": "https://123-ABC-456.mktorest.com"} | SITE | change))
    return str(caught.value)


@pytest.mark.parametrize("end", ["", "/", "/rest", "/rest/", "/identity"])
def test_what_marketo_shows_as_endpoint_is_normalised(end: str) -> None:
    """§0: two slashes in a row are refused by the gateway."""
    made = config(f"https://123-abc-456.mktorest.com{end}")

    assert (made.base_url, made.instance) == ("https://123-abc-456.mktorest.com", "123-ABC-456")


def test_a_sandbox_has_no_account_id_but_its_setting() -> None:
    """Leads of any instance are then its own."""
    assert config("http://127.0.0.1:1").instance is None
    assert config("http://127.0.0.1:1", munchkin_id="123-abc-456").instance == "123-ABC-456"


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "123-ABC-456.mktorest.com"}, {"base_url": "https://x.example/rest/v1"},
        {"base_url": "http://sandbox:8081"}, {"base_url": "https://me:pw@x.example"}, {"client_secret": "s3 cret"},
        {"client_id": '"quoted"'}, {"day_zone": "America/Nowhere"}, {"max_records": 301}, {"max_leads": 101},
        {"max_body_bytes": 1_000_001}, {"requests_per_20_s": 101}, {"max_in_flight": 11}, {"customer_id_field": "a b"},
        {"campaigns": {"a": 0}}, {"unknown": 1},
    ],
)  # fmt: skip
def test_limits_are_the_vendor_s(change: dict[str, Any]) -> None:
    """§0, §3: what Marketo would refuse is refused here; so is an unknown key; no message quotes the secret."""
    message = refused(**change)

    assert next(iter(change)) in message
    assert "cret" not in message.replace("secret", "")


def test_the_secret_is_not_shown() -> None:
    """Neither in a repr nor in a dump."""
    made = config(client_secret="s3cret\n")

    assert made.client_secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(made) + str(made.model_dump()) + made.model_dump_json()
