"""The flows of family B, pure: which of them act on an event, and with what."""

from datetime import UTC, datetime
from typing import Any

import pytest

from common.event import Event
from schemas.catalogue import catalogue
from tests.support.ecm import config
from tests.support.flows import WORKSPACE, every_action
from workers.flows.catalogue import Flows, load_flows
from workers.flows.facts import STEPS
from workers.journeys.catalogue import kept_facts
from workers.sinks.ecm import mapping
from workers.sinks.ecm.parameters import UploadDocument

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SITE = {
    "customer_workspace": {"system": "SF", "type": "Account"},
    "b4": {"groups": ["news"]},
    "b6": {"recipients": ["service"], "audience": ["role:service"]},
    "b8": {"audience": ["role:content"]},
}


@pytest.fixture(scope="module")
def flows() -> Flows:
    """The default catalogue at a site that set what family B asks for, with a customer store."""
    return load_flows((), every_action(), SITE, catalogue(), has_store=True, kept=kept_facts(()))


def acting(flows: Flows, topic: str, **event: Any) -> dict[str, dict[str, Any]]:
    """The flows of family B that act on an event, and their parameters."""
    who = {"customer_id": "C-1", "resolved": True}
    value = {"event_id": "e-1", "source": "ecm", "occurred_at": NOW, "workspace_id": "4711", "customer": who, **event}
    found = (one for one in flows.matching(topic, value) if one.name.startswith("B"))
    return {one.name: one.parameters(value).model_dump(exclude_unset=True) for one in found}


def test_nothing_of_the_family_is_left_out_of_a_site_that_set_everything(flows: Flows) -> None:
    """Every id is there."""
    assert [one.name for one in flows.left_out if one.name.startswith("B")] == []
    assert {one.name.partition("-")[0] for one in flows if one.name.startswith("B")} == {f"B{n}" for n in range(1, 9)}


def test_a_milestone(flows: Flows) -> None:
    """An event, the stage attribute and the stage's campaign; what it was before where that is known."""
    made = acting(flows, WORKSPACE, type="MILESTONE_REACHED", workspace_type="onboarding", milestone="kyc_completed")

    assert made == {
        "B1-milestone-event": {
            "name": "onboarding_milestone_reached",
            "time": NOW,
            "properties": {"milestone": "kyc_completed", "workspace_id": "4711", "workspace_type": "onboarding"},
        },
        "B1-stage-attribute": {"attributes": {"stage": "kyc_completed"}},
        "B1-stage-campaign": {
            "campaign": "onboarding-kyc_completed",
            "trigger_properties": {"milestone": "kyc_completed", "workspace_id": "4711"},
            "attributes": {"stage": "kyc_completed"},
        },
    }


def test_the_stages_name_their_campaigns_beforehand(flows: Flows) -> None:
    """The campaigns that must be in the settings are known at start-up."""
    found = flows.by_name("B1-stage-campaign")

    assert found is not None
    assert found.possible("campaign") == (
        "onboarding-contract_approved",
        "onboarding-kyc_completed",
        "onboarding-service_activated",
    )


@pytest.mark.parametrize("visible", [True, False])
def test_a_document_of_a_service_case(flows: Flows, visible: bool) -> None:
    """Customers hear of documents that are marked as visible to them, and of no other."""
    document = {"id": "d1", "type": "claim_decision", "status": "final", "customer_visible": visible}

    made = acting(flows, WORKSPACE, type="DOCUMENT_ADDED", workspace_type="service", document=document)

    assert set(made) == ({"B2-document-event", "B2-document-campaign"} if visible else set())
    if visible:
        told = {"document_type": "claim_decision", "document_status": "final"}
        assert made["B2-document-campaign"]["trigger_properties"] == told
        assert made["B2-document-event"]["properties"] == {**told, "workspace_id": "4711"}


@pytest.mark.parametrize("kind", ["STATUS_CHANGED", "REOPENED", "COMPLETED", "CANCELLED"])
def test_a_status_of_a_service_case(flows: Flows, kind: str) -> None:
    """Every new status is an event and a message, the last one included."""
    made = acting(flows, WORKSPACE, type=kind, workspace_type="service", case_status="waiting", previous="open")

    assert set(made) == {"B2-status-event", "B2-status-campaign"}
    assert made["B2-status-campaign"]["trigger_properties"] == {"case_status": "waiting", "previous": "open"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("UPDATED", {"workspace_type": "onboarding", "milestone": "m"}),
        ("STATUS_CHANGED", {"workspace_type": "contract", "case_status": "open"}),
        ("COMPLETED", {"workspace_type": "contract"}),
        ("DOCUMENT_APPROVED", {"document": {"id": "d", "type": "photo", "customer_visible": True}}),
    ],
)
def test_what_contacts_nobody(flows: Flows, kind: str, fields: dict[str, Any]) -> None:
    """Snapshots, and workspaces and documents of other types."""
    assert acting(flows, WORKSPACE, type=kind, **fields) == {}


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("DOCUMENT_APPROVED", "Approved", "Approved"),
        ("DOCUMENT_REJECTED", "Rejected", "Rejected"),
        ("DOCUMENT_REMOVED", None, "removed"),
    ],
)
def test_a_required_document_s_status_is_an_attribute(flows: Flows, kind: str, status: str | None, told: str) -> None:
    """In the site's own words."""
    document = {"id": "d", "type": "signed_agreement", "status": status, "customer_visible": False}

    assert acting(flows, WORKSPACE, type=kind, workspace_type="contract", document=document) == {
        "B5-agreement-status": {"attributes": {"agreement_status": told}}
    }


@pytest.mark.parametrize(
    ("wish", "written"),
    [
        ({"channel": "EMAIL", "purpose": "MARKETING", "state": "OPTED_IN"}, True),
        ({"channel": "EMAIL", "purpose": "MARKETING", "state": "OPTED_OUT"}, True),
        ({"channel": None, "purpose": None, "state": "OPTED_OUT"}, True),
        ({"channel": None, "purpose": "MARKETING", "state": "OPTED_IN"}, False),
        ({"channel": "EMAIL", "purpose": "SERVICE", "state": "OPTED_OUT"}, False),
        ({"channel": "SMS", "purpose": "MARKETING", "state": "OPTED_OUT"}, False),
    ],
)
def test_braze_is_told_of_what_others_decided_on_its_mail(flows: Flows, wish: dict[str, Any], written: bool) -> None:
    """A no to more than e-mail marketing is one to it; a yes to more is none to it."""
    decided = {"type": "DECIDED", "kind": "CONSENT", "write_to": ["braze"], "effective_at": NOW, "origin": "marketo"}
    made = acting(flows, "comms.consent.v1", **decided, **wish, profile={"email": "ada@example.com"})

    expected = {"email": "ada@example.com", "state": wish["state"]}
    assert made == ({"B4-consent-to-braze": expected} if written else {})
    assert acting(flows, "comms.consent.v1", **decided, **wish, profile={}) == {}


@pytest.mark.parametrize(
    ("journey", "kind", "names"),
    [
        ("B3-expiring", "EXPIRING", {"B3-renewal-canvas"}),
        ("B3-inactive", "INACTIVE", {"B3-inactivity-canvas"}),
        ("B5-financed", "ELIGIBLE", {"B5-financing-canvas"}),
        ("B5-warranted", "ELIGIBLE", {"B5-warranty-canvas"}),
        ("B6-at-risk", "AT_RISK", {"B6-follow-up", "B6-alert"}),
        ("B7-feedback", "COMMUNICATION_DUE", {"B7-feedback-campaign"}),
    ],
)
def test_what_a_step_starts(flows: Flows, journey: str, kind: str, names: set[str]) -> None:
    """Each journey has its flows, and no other journey's."""
    facts = {"workspace_id": "4711", "workspace_name": "W", "case_status": "open", "expires_at": "2026-04-01"}

    assert set(acting(flows, STEPS, type=kind, journey=journey, instance="i", due_at=NOW, facts=facts)) == names


def test_an_answer_becomes_a_document_that_people_can_read(flows: Flows) -> None:
    """What was asked, when and in which campaign, and every answer; in the workspace that it names."""
    answers = {"rating": "9", "comment": "Grüße"}
    made = acting(
        flows, "comms.engagement.v1", type="SURVEY_COMPLETED", survey="nps", campaign="feedback", answers=answers
    )

    document = made["B7-answer"]
    assert (document["workspace_id"], document["name"], set(made)) == ("4711", "Feedback e-1.json", {"B7-answer"})
    assert '"comment": "Grüße"' in document["content"]
    assert '"answered_at": "2026-03-01T12:30:00+00:00"' in document["content"]


def test_an_answer_without_a_workspace_goes_to_the_customer_s_own(flows: Flows) -> None:
    """By the business object that the settings name."""
    made = acting(flows, "comms.engagement.v1", type="SURVEY_COMPLETED", workspace_id=None, answers={"rating": "9"})

    assert set(made) == {"B7-answer-without-case"}
    assert made["B7-answer-without-case"]["business_object"] == {"system": "SF", "type": "Account", "id": "C-1"}


@pytest.mark.parametrize(
    ("content_type", "body", "names"),
    [
        ("content_block", "<p/>", {"B8-markup"}),
        ("template", "<p/>", {"B8-markup"}),
        ("campaign_asset", "{}", {"B8-messages"}),
        ("content_block", None, {"B8-too-large"}),
    ],
)
def test_approved_material(flows: Flows, content_type: str, body: str | None, names: set[str]) -> None:
    """By its kind; without a body somebody is told."""
    material = {"content_id": "cb-1", "content_type": content_type, "body": body, "workspace_ref": "36780"}

    made = acting(flows, "comms.content.v1", type="APPROVED", **material | {"source": "braze"})

    assert set(made) == names
    assert acting(flows, "comms.content.v1", type="APPROVED", **material | {"source": "exstream"}) == {}


def test_approved_material_carries_what_it_was_approved_as(flows: Flows) -> None:
    """The name of a document stays the same from version to version; the category says which this is."""
    material = {"content_id": "cb-1", "content_type": "content_block", "content_name": "footer", "version": "ab12"}
    found = flows.by_name("B8-markup")
    assert found is not None
    who = {"source": "braze", "source_instance": "retail-eu", "occurred_at": NOW, "event_id": "e-1"}
    parameters = found.parameters({**material, **who, "body": "<p/>", "workspace_ref": "36780"})

    assert isinstance(parameters, UploadDocument)
    assert (parameters.name, parameters.if_exists) == ("content_block cb-1.html", "new_version")
    numbers = {name: number for number, name in enumerate(parameters.attributes, 2)}
    category = {"braze_content": {"id": 9850, "attributes": numbers}}
    item = mapping.upload_document(
        Event("comms.content.v1", None, {"event_id": "e-1"}), parameters, config(categories=category)
    )
    assert item.body.change.values[numbers["version"]] == "ab12"
    assert item.body.change.values[numbers["braze_workspace"]] == "retail-eu"
