"""The flows of family M, pure: which of them act on an event, and with what."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import catalogue
from tests.support.flows import every_action
from workers.flows.catalogue import Flows, load_flows
from workers.journeys.catalogue import kept_facts

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SITE = {
    "m1": {
        "brochure": {"emails": ["Spring"], "forms": ["brochure-request"]},
        "renewal": {"emails": ["Renewal"], "forms": ["renewal-question"]},
    },
    "m5": {"audience": ["role:retention"]},
    "m7": {"audience": ["role:sales"]},
}
COMMUNICATION, CONSENT, JOURNEY = "comms.communication.v1", "comms.consent.v1", "comms.journey.v1"


@pytest.fixture(scope="module")
def flows() -> Flows:
    """The default catalogue at a site that set what family M asks for, with a customer store."""
    return load_flows((), every_action(), SITE, catalogue(), has_store=True, kept=kept_facts(()))


def acting(flows: Flows, topic: str, **event: Any) -> dict[str, dict[str, Any]]:
    """The flows of family M that act on an event, and their parameters."""
    who = {"customer_id": "C-1", "resolved": True}
    value = {"event_id": "e-1", "source": "exstream", "occurred_at": NOW, "customer": who, **event}
    found = (one for one in flows.matching(topic, value) if one.name.startswith("M"))
    return {one.name: one.parameters(value).model_dump(exclude_unset=True) for one in found}


def due(flows: Flows, journey: str, facts: dict[str, str], **more: Any) -> dict[str, dict[str, Any]]:
    """What a step of a journey leads to; consent allows e-mail."""
    step = {"type": "COMMUNICATION_DUE", "journey": journey, "facts": facts, "consent": {"channel": "EMAIL"}}
    return acting(flows, JOURNEY, **{**step, **more})


def test_nothing_of_the_family_is_left_out_of_a_site_that_set_everything(flows: Flows) -> None:
    """Every id is there."""
    assert [one.name for one in flows.left_out if one.name.startswith("M")] == []
    assert {one.name.partition("-")[0] for one in flows if one.name.startswith("M")} == {f"M{n}" for n in range(1, 9)}


@pytest.mark.parametrize(
    ("facts", "profile", "flow"),
    [
        ({"asset": "Spring"}, {}, "M1-brochure"),
        ({"form": "brochure-request"}, {"lifecycle_stage": "prospect", "lead_score": 79}, "M1-brochure"),
        ({"form": "brochure-request"}, {"lifecycle_stage": "prospect", "lead_score": 80}, "M6-premium-offer"),
        ({"type": "SCORE_CHANGED", "score": "85"}, {"lifecycle_stage": "customer"}, "M6-service-message"),
        ({"form": "renewal-question"}, {"lifecycle_stage": "customer"}, "M1-renewal-reminder"),
        ({"asset": "Renewal"}, {"lifecycle_stage": "prospect", "lead_score": 99}, "M1-renewal-reminder"),
    ],
)
def test_m1_and_m6_choose_one(flows: Flows, facts: dict[str, str], profile: dict[str, Any], flow: str) -> None:
    """What was asked for goes before who asks; nobody gets two."""
    assert list(due(flows, "M1-follow-up", facts, profile=profile)) == [flow]


def test_m6_carries_the_segment(flows: Flows) -> None:
    """Tone and offer, stage and interest, beside the channel that is allowed."""
    profile = {"lifecycle_stage": "prospect", "lead_score": 90, "product_interest": "savings", "campaign": "Spring"}

    made = due(flows, "M1-follow-up", {"asset": "Spring"}, profile=profile)

    segment = {"offer": "premium", "tone": "personal", "stage": "prospect", "product": "savings", "campaign": "Spring"}
    assert made["M6-premium-offer"]["data"] == {"DeliveryPreference": "EMAIL", **segment}
    assert made["M6-premium-offer"]["channel"] == "EMAIL"


def test_m1_an_event_of_another_journey_is_none_of_its_business(flows: Flows) -> None:
    """Journeys share the type of their steps."""
    assert list(due(flows, "M2-delivered", {"document_type": "statement", "channel": "PRINT"})) == ["M2-cross-sell"]


def test_m2_tokens_are_few_and_details_travel_in_the_activity(flows: Flows) -> None:
    """A token that differs for each lead would cost a call a lead."""
    document = {"document_id": "D", "document_type": "statement", "channel": "PRINT", "type": "RESPONDED"}

    made = acting(flows, COMMUNICATION, **document, response={"kind": "declined"})

    assert made["M2-retention"]["tokens"] == {"{{my.document_type}}": "statement", "{{my.channel}}": "PRINT"}
    attributes = {"status": "RESPONDED", "channel": "PRINT", "documentId": "D", "response": "declined"}
    assert made["M2-activity"]["attributes"] == attributes


@pytest.mark.parametrize(("kind", "acts"), [("paid", False), ("cancelled", True)])
def test_m2_only_an_answer_that_declines_asks_for_retention(flows: Flows, kind: str, acts: bool) -> None:
    """Which kinds do is a setting."""
    made = acting(flows, COMMUNICATION, type="RESPONDED", document_type="statement", response={"kind": kind})

    assert ("M2-retention" in made) is acts


def test_m3_a_decision_is_written_where_it_differs_and_always_to_the_feed(flows: Flows) -> None:
    """Only decisions drive vendors."""
    decision = {"type": "DECIDED", "kind": "PAPERLESS", "state": "ON", "origin": "crm", "effective_at": NOW}

    assert set(acting(flows, CONSENT, **decision, write_to=["marketo"])) == {
        "M3-consent-to-marketo",
        "M3-preference-feed",
    }
    assert set(acting(flows, CONSENT, **decision, write_to=["braze"])) == {"M3-preference-feed"}


@pytest.mark.parametrize(
    ("product", "profile", "preferred"),
    [
        ("loan", {"customer_type": "business"}, ["onboarding-business-loan", "onboarding-loan", "onboarding-business"]),
        ("loan", {}, ["onboarding-loan"]),
        (None, {"customer_type": "business"}, ["onboarding-business"]),
        (None, {}, []),
    ],
)
def test_m4_goes_from_the_particular_campaign_to_the_general_one(
    flows: Flows, product: str | None, profile: dict[str, Any], preferred: list[str]
) -> None:
    """What is not known has no campaign of its own."""
    document = {"type": "COMPLETED", "document_type": "welcome_letter", "product": product}

    made = acting(flows, COMMUNICATION, **document, profile=profile)

    assert made["M4-onboarding"]["campaign"] == "onboarding"
    assert made["M4-onboarding"]["prefer"] == preferred


@pytest.mark.parametrize("step", ["reminder", "offer", "escalation"])
def test_m5_each_step_has_one_flow(flows: Flows, step: str) -> None:
    """Reminder, offer, and somebody who is told."""
    facts = {"document_id": "D", "document_type": "premium_notice"}

    made = due(flows, "M5-no-response", facts, type="NO_RESPONSE", step=step, profile={"account_manager": "jane"})

    assert list(made) == [f"M5-{step}"]


@pytest.mark.parametrize(
    ("facts", "profile", "flow", "preferred", "severity"),
    [
        ({"risk_level": "high"}, {"risk_level": "low"}, "M7-follow-up", "follow_up-high", "HIGH"),
        ({"risk_level": "low"}, {"risk_level": "high"}, "M7-follow-up", "follow_up-low", "MEDIUM"),
        ({}, {"risk_level": "high"}, "M7-follow-up-by-profile", "follow_up-high", "HIGH"),
    ],
)
def test_m7_the_level_of_the_event_goes_before_the_profiles(
    flows: Flows, facts: dict[str, str], profile: dict[str, Any], flow: str, preferred: str, severity: str
) -> None:
    """One campaign and one alert, and the lead on the save list."""
    document = {"document_id": "D", "document_type": "cancellation_notice", **facts}

    made = due(flows, "M7-at-risk", document, type="AT_RISK", profile=profile)

    (alert,) = (name for name in made if name.endswith("alert"))
    assert set(made) == {flow, "M7-save-list", alert}
    assert made[flow]["prefer"] == [preferred]
    assert made[alert]["severity"] == severity


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("SENT", "sentAt"),
        ("RELEASED", "sentAt"),
        ("DELIVERED", "deliveredAt"),
        ("BOUNCED", "failedAt"),
        ("OPENED", "openedAt"),
        ("RESPONDED", "respondedAt"),
    ],
)
def test_m8_each_status_has_a_field_of_its_own(flows: Flows, kind: str, field: str) -> None:
    """Whatever comes late or twice changes nothing else."""
    made = acting(flows, COMMUNICATION, type=kind, document_id="D", document_type="statement", channel="EMAIL")

    (fields,) = (each["fields"] for name, each in made.items() if name.startswith("M8"))
    assert {name for name in fields if name.endswith("At")} == {field}


@pytest.mark.parametrize(("kind", "channel"), [("GENERATED", "EMAIL"), ("RELEASED", "ARCHIVE")])
def test_what_does_not_go_to_the_customer_moves_nobody(flows: Flows, kind: str, channel: str) -> None:
    """Of a document that was made, or filed, Marketo hears nothing."""
    document = {"document_id": "D", "document_type": "statement", "channel": channel}

    assert acting(flows, COMMUNICATION, type=kind, **document) == {}


def test_a_customer_whom_only_exstream_knows_is_left_alone(flows: Flows) -> None:
    """Marketo could not find them by a substitute."""
    stranger = {"customer_id": "exstream:t:1", "resolved": False}

    for kind in ("SENT", "DELIVERED", "RESPONDED", "COMPLETED"):
        document = {"type": kind, "document_id": "D", "document_type": "welcome_letter", "customer": stranger}
        assert acting(flows, COMMUNICATION, **document) == {}
