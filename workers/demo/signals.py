"""The demo's sample signals, in the shapes that their senders really have."""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

COMMUNICATIONS = {
    "7d0e8f0a-58b5-4c0e-9f43-0c6a5c0f3a01": "welcome_letter",
    "7d0e8f0a-58b5-4c0e-9f43-0c6a5c0f3a02": "billing_statement",
}
CHANNELS = {"PortalArchive": {"channel": "WEB", "status": "COMPLETED"}, "PrintCenter": {"channel": "PRINT"}}
CAMPAIGNS = (
    "onboarding-contract_approved",
    "onboarding-kyc_completed",
    "onboarding-service_activated",
    "service-document",
    "service-status",
    "welcome",
)
SECRET, TOKEN = "demo-signing-secret", "demo-upstream-token"
REFUSED_CUSTOMER = "C-1013"
"""The customer whom the demo's vendor refuses for a while."""

_CUSTOMERS = 24
_MILESTONES = ("contract_approved", "kyc_completed", "service_activated")
_WELCOME, _STATEMENT = COMMUNICATIONS


@dataclass(frozen=True, slots=True)
class Request:
    """One POST to the webhook; `signed` ones carry an HMAC, others a bearer token."""

    path: str
    body: bytes
    signed: bool = False

    def headers(self) -> dict[str, str]:
        """What proves the sender, computed now."""
        if not self.signed:
            return {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
        timestamp = str(int(time.time()))
        signature = hmac.new(SECRET.encode(), timestamp.encode() + b"." + self.body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "x-timestamp": timestamp, "x-signature": f"sha256={signature}"}


def campaign_ids() -> dict[str, str]:
    """A made-up API identifier for each campaign that the flows name."""
    return {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"demo/{name}")) for name in CAMPAIGNS}


def signals() -> Iterator[Request]:
    """A morning at a small insurer: Exstream reports documents, Extended ECM reports workspaces."""
    for number in range(_CUSTOMERS):
        customer = f"C-{1000 + number}"
        yield from _exstream(customer, number)
        yield from _workspaces(customer, number)


def bad_signal() -> Request:
    """A milestone without the customer's id, and with a type that there is not: refused, nothing stored."""
    return _canonical({"type": "MILESTONE_PASSED", "workspace_id": "w-1", "customer": {"email": "ann@example.com"}})


def _exstream(customer: str, number: int) -> Iterator[Request]:
    """CXI events, as Exstream's integration service posts them: several in an array, or one alone."""
    at = datetime.now(UTC) - timedelta(minutes=number + 5)
    user = {"CustomerId": customer, "CustomerEmail": f"{customer.lower()}@example.com", "CustomerFirstname": "Ann"}
    communication = _WELCOME if number % 2 else _STATEMENT
    mails = [_mail_event(status, communication, user, at) for status in ("Submit", "POST")]
    yield Request("/hooks/exstream", json.dumps(mails).encode(), signed=True)
    if number % 3 == 0:
        yield Request("/hooks/exstream", json.dumps(_mail_event("NDLV", communication, user, at)).encode(), signed=True)
    if number % 2:
        filed = _file_event("PortalArchive", communication, user, at)
        yield Request("/hooks/exstream", json.dumps(filed).encode(), signed=True)


def _mail_event(status: str, communication: str, user: dict[str, str], at: datetime) -> dict[str, Any]:
    """The e-mail event of the Exstream vendor page, §6.1; it has no id of its own."""
    schema = {"schemaVersion": "1.0", "schemaType": f"Exstream-Email-{status}", "schemaSource": "Mail"}
    return {
        "expctr": {**schema, "tenant": "5e2f8f6e-8c1c-4a7b-9a53-2f8f1d6c9b10"},
        "user": {**user, "DeliveryPreference": "email"},
        "exstreamEmailStatistics": {
            "creationTime": _text(at),
            "emailProvider": "OpenText Notifications",
            "customerEmailId": user["CustomerEmail"],
            "domain": "Production",
            "communicationId": communication,
            "eventType": status,
        },
    }


def _file_event(channel: str, communication: str, user: dict[str, str], at: datetime) -> dict[str, Any]:
    """The file-channel event of the Exstream vendor page, §6.1."""
    return {
        "expctr": {
            "tenant": "5e2f8f6e-8c1c-4a7b-9a53-2f8f1d6c9b10",
            "schemaSource": "File",
            "schemaType": f"Exstream-{channel}",
            "schemaVersion": "1.0",
            "eventId": str(uuid.uuid4()),
            "eventDate": _text(at),
        },
        "exstreamJob": {
            "communicationId": communication,
            "contentType": "application/pdf",
            "creationTime": _text(at),
            "domain": "Production",
            "status": "success",
        },
        "user": user,
    }


def _workspaces(customer: str, number: int) -> Iterator[Request]:
    """Workspace events, as an upstream system posts them to the door for canonical events."""
    for milestone in _MILESTONES[: number % 4]:
        yield _workspace(customer, "MILESTONE_REACHED", workspace_type="onboarding", milestone=milestone)
    if number % 3 == 1:
        document = {"id": f"d-{number}", "type": "claim_report", "status": "filed", "customer_visible": True}
        yield _workspace(customer, "DOCUMENT_ADDED", workspace_type="service", document=document)
        yield _workspace(customer, "STATUS_CHANGED", workspace_type="service", case_status="in_review", previous="open")


def _workspace(customer: str, kind: str, **fields: Any) -> Request:
    return _canonical(
        {
            "event_id": str(uuid.uuid4()),
            "type": kind,
            "occurred_at": _text(datetime.now(UTC)),
            "customer": {"customer_id": customer, "resolved": True},
            "workspace_id": f"w-{customer}",
            **fields,
        }
    )


def _canonical(event: dict[str, Any]) -> Request:
    return Request("/v1/events/comms.workspace.v1", json.dumps(event).encode())


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
