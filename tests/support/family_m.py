"""What Exstream and Marketo say in a town: signals in their own shapes, and leads to say it about."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.marketo.options import DEFAULT_CLIENT, DEFAULT_SECRET
from tests.support.town import Town

STATEMENT, POLICY_NOTICE, WELCOME, PREMIUM, CANCELLATION = (
    f"5b0c3a52-0000-4000-8000-00000000000{number}" for number in range(1, 6)
)
"""Communication ids of the town's documents (workers/demo/site/names/m.yaml)."""

EMAIL_OPEN, SCORE = 10, 22
"""Numbers of Marketo's built-in activities (§2.11)."""


def mail(kind: str, customer: str, communication: str, document: str, **user: str) -> dict[str, Any]:
    """An e-mail event as Exstream's integration service posts it (§6.1): without an id of its own."""
    return {
        "expctr": {
            "schemaVersion": "1.0",
            "schemaType": f"Exstream-Email-{kind}",
            "schemaSource": "Sample_Email",
            "tenant": "4f2f0f1e-0000-4000-8000-000000000001",
        },
        "user": {"CustomerId": customer, "CustomerInRun": "1", "DocumentId": document, **user},
        "exstreamEmailStatistics": {
            "creationTime": _now(),
            "emailProvider": "OpenText Notifications",
            "customerEmailId": f"{customer}@example.com",
            "campaignId": "EmailCampaign",
            "domain": "Testdomain",
            "communicationId": communication,
            "eventType": kind,
        },
    }


def printed(customer: str, communication: str, document: str) -> dict[str, Any]:
    """The event of an output channel named Letters, as Exstream posts it (§6.1)."""
    return {
        "expctr": {
            "tenant": "4f2f0f1e-0000-4000-8000-000000000001",
            "schemaSource": "Sample_File",
            "schemaType": "Exstream-Letters",
            "schemaVersion": "1.0",
            "eventId": str(uuid.uuid4()),
            "eventDate": _now(),
        },
        "exstreamJob": {
            "campaignId": "TestCampaign",
            "communicationId": communication,
            "contentType": "application/pdf",
            "creationTime": _now(),
            "domain": "Testdomain",
            "status": "success",
        },
        "user": {"CustomerId": customer, "DocumentId": document, "SYS_Title": "Letter"},
    }


def form(customer: str, name: str, later_s: float = 0) -> dict[str, Any]:
    """What Marketo's flow step Call Webhook posts (§2.13), by the template of docs/sources.md."""
    return {
        "type": "form_submitted",
        "leadId": 1,
        "customerId": customer,
        "campaignId": 7,
        "program": "Spring",
        "triggerName": "Fills out form",
        "at": _now(later_s),
        "form": name,
    }


class Marketo:
    """The subscription of a town, as its people and administrators use it."""

    def __init__(self, town: Town) -> None:
        self._box = town.sandbox("marketo")

    def lead(self, customer: str, **fields: Any) -> int:
        """A lead with this customer id and these fields; its number. Changes one that is there."""
        row = {"customerNumber": customer, **fields}
        body = {"lookupField": "customerNumber", "input": [row]}
        headers = {"authorization": f"Bearer {self._token()}"}
        answer = self._box.http.post("/rest/v1/leads.json", json=body, headers=headers).json()
        return int(answer["result"][0]["id"])

    def did(self, customer: str, kind: int, primary: str, **attributes: Any) -> None:
        """Something that a person did, in the activity log."""
        row = {"type_id": kind, "customer": customer, "primary": primary, "attributes": attributes}
        self._box.http.post("/_sandbox/activities", json=[row]).raise_for_status()

    def now(self, customer: str) -> dict[str, Any]:
        """The lead of a customer, as Marketo has it now."""
        (found,) = [each for each in self._box.state()["leads"].values() if each.get("customerNumber") == customer]
        return dict(found)

    def runs(self, lead: int) -> list[int]:
        """The campaigns that were requested for a lead, in order."""
        return [run["campaign"] for run in self._box.state()["runs"] if run["lead"] == lead]

    def tokens(self, lead: int) -> list[dict[str, str]]:
        """The tokens of those requests."""
        return [run["tokens"] for run in self._box.state()["runs"] if run["lead"] == lead]

    def activities(self, lead: int) -> list[dict[str, Any]]:
        """The custom activities of a lead, in order: attributes by name."""
        return [each["attributes"] for each in self._box.state()["activities"] if each["leadId"] == lead]

    def members(self, list_id: int) -> list[int]:
        """Who is on a static list."""
        return list(self._box.state()["lists"].get(str(list_id), []))

    def documents(self, customer: str) -> list[dict[str, Any]]:
        """The records of the custom object that link to a customer."""
        found = self._box.state()["objects"].get("communication_c", [])
        return [each for each in found if each.get("customerNumber") == customer]

    def _token(self) -> str:
        asked = {"grant_type": "client_credentials", "client_id": DEFAULT_CLIENT, "client_secret": DEFAULT_SECRET}
        return str(self._box.http.post("/identity/oauth/token", data=asked).json()["access_token"])


def _now(later_s: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=later_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
