"""From what a site's Extended ECM posts (ecm.md §13) to workspace events."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from common.errors import InvalidEventError
from tests.support.events import written_and_read
from tests.support.hooks import HMAC
from tests.support.signals import ECM, like
from workers.ingest.sources.api import Events
from workers.ingest.sources.catalogue import AnyHook, HookConfig, hook_of

RECEIVED = datetime(2026, 1, 31, 10, 5, tzinfo=UTC)
CONFIG: TypeAdapter[HookConfig] = TypeAdapter(AnyHook)


def events(signal: Any, **settings: Any) -> Events:
    """What one signal says."""
    given = {"kind": "ecm", "auth": HMAC, "instance": "cs.example.com", **settings}
    return hook_of(CONFIG.validate_python(given)).translate(signal, RECEIVED)


def value_of(signal: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The event, as a reader of its topic sees it."""
    (event,) = events(signal, **settings)
    assert event.topic == "comms.workspace.v1"
    return written_and_read(event)


def changed(attributes: dict[str, Any], previous: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A change of category attributes."""
    return like(ECM, event_type="category.changed", attributes=attributes, previous=previous, **others)


def test_an_approved_document_is_told() -> None:
    """B5: the vendor page's own payload, every field where readers look."""
    settings = {"workspace_types": {"Customer": "onboarding"}, "document_type_attribute": "Kind"}
    signal = like(ECM, attributes={"Status": "Approved", "Kind": "signed_agreement"})

    value = value_of(signal, customer_visible=["signed_agreement"], **settings)

    assert (value["type"], value["workspace_id"], value["workspace_type"]) == (
        "DOCUMENT_APPROVED",
        "36780",
        "onboarding",
    )
    assert value["document"] == {
        "id": "4711",
        "type": "signed_agreement",
        "status": "Approved",
        "customer_visible": True,
    }
    assert value["business_object"] == {"system": "SF", "type": "Account", "id": "0015x"}
    assert value["actor"] == {"kind": "USER", "id": "jdoe"}
    assert (value["case_status"], value["previous"]) == (None, "In Review")
    assert value["occurred_at"] == datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
    assert value["attributes"]["web"] == "https://ecm.example/app/nodes/4711"


@pytest.mark.parametrize(
    ("event_type", "attributes", "kind"),
    [
        ("workspace.created", {}, "CREATED"),
        ("workspace.completed", {}, "COMPLETED"),
        ("document.created", {"Document Type": "invoice"}, "DOCUMENT_ADDED"),
        ("document.version_added", {}, "UPDATED"),
        ("document.removed", {}, "DOCUMENT_REMOVED"),
        ("document.status_changed", {"Status": "Rejected"}, "DOCUMENT_REJECTED"),
        ("document.status_changed", {"Status": "In Review"}, "UPDATED"),
        ("approval.completed", {"Status": "Approved"}, "DOCUMENT_APPROVED"),
        ("owner.changed", {"Owner": "mrossi"}, "OWNER_CHANGED"),
        ("sla.breached", {}, "WORKFLOW_LATE"),
        ("approval.required", {}, "UNKNOWN"),
        ("comment.added", {}, "UNKNOWN"),
        ("node.danced", {}, "UNKNOWN"),
    ],
)
def test_a_type_has_one_meaning(event_type: str, attributes: dict[str, Any], kind: str) -> None:
    """What we have no word for is kept with its type."""
    value = value_of(like(ECM, event_type=event_type, attributes=attributes))

    assert (value["type"], value["attributes"]["event_type"]) == (kind, event_type)


@pytest.mark.parametrize(
    ("now", "before", "kind"),
    [
        ({"Milestone": "Contract"}, {"Milestone": "Offer"}, "MILESTONE_REACHED"),
        ({"Milestone": "Contract"}, {}, "UPDATED"),
        ({"Milestone": "Contract"}, {"Milestone": "Contract"}, "UPDATED"),
        ({"Status": "Waiting"}, {"Status": "Open"}, "STATUS_CHANGED"),
        ({"Status": "Complete"}, {"Status": "Open"}, "COMPLETED"),
        ({"Status": "Cancelled"}, {"Status": "Open"}, "CANCELLED"),
        ({"Status": "Open"}, {"Status": "Complete"}, "REOPENED"),
        ({"Status": "Waiting", "Milestone": "b"}, {"Status": "Open", "Milestone": "a"}, "STATUS_CHANGED"),
        ({"Expires": "2027-01-01T00:00:00Z"}, {"Expires": "2026-01-01T00:00:00Z"}, "RENEWED"),
        ({"Expires": "2026-01-01T00:00:00Z"}, {"Expires": "2027-01-01T00:00:00Z"}, "UPDATED"),
        ({"Colour": "red"}, {"Colour": "blue"}, "UPDATED"),
    ],
)
def test_a_change_is_an_edge_where_the_signal_says_what_was_before(
    now: dict[str, Any], before: dict[str, Any], kind: str
) -> None:
    """Without it a snapshot goes out, and the journey worker finds the edge (design §4)."""
    assert value_of(changed(now, before))["type"] == kind


def test_a_further_version_is_no_new_document() -> None:
    """Whoever first hears of a document by its version knows that it was there."""
    told = [
        value_of(like(ECM, event_type=kind, attributes={}))["attributes"].get("was_there")
        for kind in ("document.version_added", "document.created", "document.status_changed")
    ]

    assert told == ["true", None, None]


def test_levels_travel_with_every_change() -> None:
    """Milestone by the site's name, status, expiry and owner: what the journey worker compares."""
    attributes = {"Milestone": "KYC done", "Status": "Open", "Expires": "2027-01-01T00:00:00+01:00", "Owner": "mrossi"}

    value = value_of(changed(attributes, {"Milestone": "New"}), milestones={"KYC done": "kyc_completed"})

    assert (value["milestone"], value["previous"], value["case_status"]) == ("kyc_completed", "New", "Open")
    assert (value["owner"], value["document"]) == ("mrossi", None)
    assert value["expires_at"] == datetime(2026, 12, 31, 23, 0, tzinfo=UTC)


def test_the_sites_own_id_is_where_the_settings_say() -> None:
    """A category attribute, or the business object's own; the first that holds something."""
    signal = like(ECM, attributes={"Status": "Approved", "Customer Id": "C-1"})
    paths = ["attributes.Customer Id", "workspace.bo_id"]

    first, second = (value_of(one, identity_paths=paths)["customer"] for one in (signal, ECM))

    assert (first["customer_id"], first["resolved"], first["workspace_id"]) == ("C-1", True, "36780")
    assert second["customer_id"] == "0015x"


def test_a_workspace_without_a_customer_is_about_itself() -> None:
    """Its own id is the key then: many workspaces are about nobody (topics/comms.workspace.v1.yaml)."""
    (event,) = events(ECM)

    assert event.value["customer"] is None
    assert not event.is_substitute


def test_a_signal_seen_twice_has_one_id() -> None:
    """The bot's own id, of this instance; without one, the content."""
    again = like(ECM, links={}, attributes={"Status": "Rejected"})
    assert events(ECM)[0].event_id == events(again)[0].event_id
    assert events(ECM)[0].event_id != events(ECM, instance="other")[0].event_id

    bare = like(ECM, event_id=...)
    assert events(bare)[0].event_id == events(dict(reversed(bare.items())))[0].event_id
    assert events(bare)[0].event_id != events(like(bare, event_type="document.created"))[0].event_id


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        ([], {""}),
        ({}, {"event_type", "occurred_at", "workspace", "node"}),
        (like(ECM, workspace={}, node={"id": []}), {"workspace.id", "node.id"}),
        (like(ECM, occurred_at="2026-01-31T10:00:00"), {"occurred_at"}),
        (like(ECM, attributes={"Expires": "soon"}), {"attributes.Expires"}),
    ],
)
def test_what_is_missing_or_wrong_is_named(signal: Any, fields: set[str]) -> None:
    """All at once; what we do not read is ignored."""
    with pytest.raises(InvalidEventError) as caught:
        events(signal)

    assert {field for field, _ in caught.value.errors} == fields
