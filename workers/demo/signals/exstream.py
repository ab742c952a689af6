"""What Exstream's integration service posts (exstream.md §6.1), and a site's own sender beside it (§6.4)."""

import uuid
from collections.abc import Mapping
from typing import Any

from workers.demo.signals import now
from workers.demo.signals.people import Person

DOCUMENTS: Mapping[str, str] = {
    "statement": "5b0c3a52-0000-4000-8000-000000000001",
    "policy_notice": "5b0c3a52-0000-4000-8000-000000000002",
    "welcome_letter": "5b0c3a52-0000-4000-8000-000000000003",
    "premium_notice": "5b0c3a52-0000-4000-8000-000000000004",
    "cancellation_notice": "5b0c3a52-0000-4000-8000-000000000005",
    "overdue_reminder": "7d0e8f0a-58b5-4c0e-9f43-0c6a5c0f3b02",
}
"""Communication ids of the site's documents (site/names), by document type."""

_TENANT = "5e2f8f6e-8c1c-4a7b-9a53-2f8f1d6c9b10"


def mail(kind: str, who: Person, document_type: str, **user: str) -> Mapping[str, Any]:
    """An e-mail event: Submit, POST, OPEN or NDLV; it has no id of its own."""
    statistics = {
        "creationTime": now(),
        "emailProvider": "OpenText Notifications",
        "customerEmailId": who.email,
        "campaignId": "Mail",
        "domain": "letters",
        "communicationId": DOCUMENTS[document_type],
        "eventType": kind,
    }
    heading = {"schemaVersion": "1.0", "schemaType": f"Exstream-Email-{kind}", "schemaSource": "Mail"}
    return {
        "expctr": {**heading, "tenant": _TENANT},
        "user": {**_user(who, document_type), "DeliveryPreference": "email", **user},
        "exstreamEmailStatistics": statistics,
    }


def generated(who: Person, document_type: str) -> Mapping[str, Any]:
    """A document was made."""
    heading = {"schemaVersion": "1.0", "schemaType": "Exstream-Generated", "schemaSource": "File", "tenant": _TENANT}
    job = {
        "campaignId": "File",
        "communicationId": DOCUMENTS[document_type],
        "contentType": "application/pdf",
        "creationTime": now(),
        "domain": "letters",
        "status": "success",
    }
    return {
        "expctr": {**heading, "eventId": str(uuid.uuid4()), "eventDate": now()},
        "exstreamJob": job,
        "user": {**_user(who, document_type), "SYS_Title": "Letter"},
    }


def told(kind: str, **blocks: Any) -> Mapping[str, Any]:
    """Delivery metadata of the output management: `batch.completed`, `content.submitted` and the like."""
    return {"event_type": f"exstream.{kind}", "occurred_at": now(), **blocks}


def document_id(who: Person, document_type: str) -> str:
    """The id of this very document."""
    return f"D-{who.number}-{document_type}"


def _user(who: Person, document_type: str) -> dict[str, str]:
    return {"CustomerId": who.id, "DocumentId": document_id(who, document_type)}
