"""Extended ECM in the suite."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, ClassVar

from sandbox.ecm.options import COMMUNICATION, CONSENT, DEFAULT_PASSWORD, DEFAULT_USER
from tests.contract.vendors.adapter import EVERY, Adapter
from tests.contract.vendors.cases import Case, GoesOn, Told
from tests.support.ecm import ACME, OTHER, config, event
from workers.sinks.api import Batch, Item, Sink
from workers.sinks.ecm.config import EcmConfig

_WHERE = {"business_object": {"system": ACME[0], "type": ACME[1], "id": ACME[2]}}
_DUE = datetime(2026, 5, 28, 13, tzinfo=UTC)
_LONG = "x" * 200_000
_LENGTHS = "the server knows how long an attribute may be, and refuses the record by its text (§7, §16 #10)."
GOOD: Mapping[str, Mapping[str, Any]] = {
    "update_category": {**_WHERE, "category": "communication", "attributes": {"status": "Sent"}},
    "record_consent": {**_WHERE, "kind": "CONSENT", "channel": "EMAIL", "state": "OPTED_OUT", "effective_at": _DUE},
    "upload_document": {**_WHERE, "folder": "Letters", "name": "offer.txt", "content": "Grüße"},
    "add_version": {**_WHERE, "folder": "Letters", "name": "there.txt", "content": "second"},
    "create_task": {**_WHERE, "name": "Call back", "assignee": "service", "due_at": _DUE},
    "create_reminder": {**_WHERE, "description": "SLA breached", "due_at": _DUE, "recipients": ["service"]},
    "create_workspace": {"workspace_type": "customer", "business_object_id": "new-1", "name": "New one"},
}


class EcmAdapter(Adapter):
    """A Content Server with the workspaces of two accounts."""

    name = "ecm"
    secret: ClassVar[tuple[str, ...]] = ("password",)
    # the two repeatable ones look for themselves: what is there already is not written again (§7)
    goes_on: ClassVar[Mapping[str, GoesOn]] = dict.fromkeys(GOOD, GoesOn.LOOKED_UP)
    requests: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "update_category": {"match": "Sent"},
        "record_consent": {"match": "OPTED_OUT"},
        "upload_document": {"match": "offer.txt"},
        "add_version": {"match": "second"},
        "create_task": {"match": "assigned_member_id"},
        "create_reminder": {"match": "RSDATE"},
        "create_workspace": {"match": "template_id"},
    }
    cannot: ClassVar[Mapping[tuple[str, Case], str]] = {
        (EVERY, Case.ROW_REFUSED): "a request is about one record: a bad one is a refused request (§15).",
        (EVERY, Case.QUOTA_GONE): "the server publishes no quota (§15).",
        ("update_category", Case.OVERSIZED): _LENGTHS,
        ("record_consent", Case.OVERSIZED): _LENGTHS,
        ("create_reminder", Case.OVERSIZED): "its only text is cut so that the event's tag fits behind it (§11.1).",
    }
    differs: ClassVar[Mapping[tuple[str, Case], Told]] = {
        (EVERY, Case.REQUEST_REFUSED): Told("rejected refused", "rejected refused", sent=1, done=0),
        (EVERY, Case.TOO_LARGE): Told("rejected oversized", "rejected oversized", sent=1, done=0),
        # a read before the write finds the ticket out
        (EVERY, Case.CREDENTIALS_EXPIRED): Told("delivered", "delivered", sent=1, done=1),
        (EVERY, Case.CREDENTIALS_REVOKED): Told("hold credentials", "delivered", sent=1, done=1),
    }

    def made_options(self) -> dict[str, Any]:
        """As in the sink's own tests."""
        return {"workspaces": (ACME, OTHER), "users": {DEFAULT_USER: DEFAULT_PASSWORD}}

    def config(self, read_s: float = 10) -> EcmConfig:
        """The two time-outs are equal."""
        patient = {
            "read_timeout_s": read_s,
            "create_timeout_s": read_s,
            "connect_timeout_s": 5,
            "max_document_bytes": 150_000,
        }
        return config(f"{self.url}/otcs/cs", **patient)

    def item(self, sink: Sink, action: str, number: int = 1, **other: Any) -> Item:
        """All are about ACME's workspace; the event has this number."""
        made = sink.actions[action]
        return sink.prepare(made, event(f"e-{number}"), made.parameters(**{**GOOD[action], **other}))

    def bad_row(self, sink: Sink, action: str) -> Item:
        """Never asked: a request is about one record."""
        raise NotImplementedError(action)

    def oversized(self, action: str) -> dict[str, Any]:
        """More than a document, a text or a name may have."""
        match action:
            case "upload_document" | "add_version":
                return {"content": _LONG}
            case "create_task":
                return {"instructions": _LONG}
            case _:
                return {"name": _LONG}

    def furnish(self, action: str) -> None:
        """A document that a version can be of."""
        if action == "add_version":
            sink = self.connect()
            made = sink.actions["upload_document"]
            given = made.parameters(**{**GOOD["upload_document"], "name": "there.txt", "content": "first"})
            sink.deliver(Batch(made, None, [sink.prepare(made, event("e-0"), given)], nullcontext))
            sink.close()

    def done(self, action: str, number: int = 1) -> int:
        """Nodes, versions, rows and reminders that are there."""
        nodes = list(self.state()["nodes"].values())
        (acme,) = [node for node in nodes if node["type"] == 848 and node["business_object"] == list(ACME)]
        match action:
            case "update_category":
                values = acme["categories"].get(str(COMMUNICATION), {})
                return int(values.get(f"{COMMUNICATION}_2") == "Sent")
            case "record_consent":
                values = acme["categories"].get(str(CONSENT), {})
                return list(values.values()).count(f"e-{number}")
            case "upload_document":
                return len([node for node in nodes if node["name"] == "offer.txt"])
            case "add_version":
                (there,) = [node for node in nodes if node["name"] == "there.txt"]
                return len(there["versions"]) - 1
            case "create_task":
                return len([node for node in nodes if node["type"] == 206])
            case "create_reminder":
                return len(acme["reminders"])
            case _:
                return len([node for node in nodes if node["type"] == 848 and node["business_object"][2] == "new-1"])

    def expire(self) -> None:
        """Every ticket is at its end."""
        self.http.post("/_sandbox/account", json={"expire_tickets": True}).raise_for_status()

    def revoke(self) -> None:
        """The account is closed."""
        self.http.post("/_sandbox/account", json={"expire_tickets": True, "revoked": [DEFAULT_USER]}).raise_for_status()

    def rotate(self, secret: str) -> None:
        """Another password; tickets end."""
        self.options["users"][DEFAULT_USER] = secret
        self.expire()

    def restore(self) -> None:
        """It is open; so much time has passed that the sink logs in again (§2.1)."""
        self.options["users"][DEFAULT_USER] = DEFAULT_PASSWORD
        self.http.post("/_sandbox/account", json={"revoked": []}).raise_for_status()
        self.clock.ahead_s += 301
