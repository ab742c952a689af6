"""Marketo in the suite."""

from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.marketo.options import DEFAULT_CLIENT, DEFAULT_SECRET, Service
from tests.contract.vendors.adapter import EVERY, Adapter
from tests.contract.vendors.cases import Case, GoesOn, Told
from tests.support.marketo import SandboxMarketo, config, of
from workers.sinks.api import Item, Sink
from workers.sinks.marketo.config import MarketoConfig

GOOD: Mapping[str, Mapping[str, Any]] = {
    "upsert_lead": {"fields": {"stage": "signed"}},
    "add_activity": {"activity": "document_sent", "primary": "welcome", "attributes": {"channel": "EMAIL"}},
    "trigger_campaign": {"campaign": "onboarding", "tokens": {"product": "loan"}},
    "add_to_list": {"list": "save"},
    "remove_from_list": {"list": "save"},
    "upsert_object": {"object": "communication"},
    "update_consent": {"kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING", "state": "OPTED_OUT"},
}
_BY_NUMBER = ("add_activity", "trigger_campaign", "add_to_list", "remove_from_list")
_LONG = "x" * 2_000
_SHORT = "a number on a list: there is nothing in it that could grow."
_LEADS = {"path": "/rest/v1/leads.json", "match": '"action"'}
_LIST = {"path": "/rest/v1/lists/1001/leads.json"}
_NOBODY = Told("rejected missing_customer", "rejected missing_customer", sent=1, done=0)


def _refusal(code: str) -> Mapping[str, Any]:
    errors = [{"code": code, "message": "scripted"}]
    return {"status": 200, "body": {"requestId": "1#2", "success": False, "errors": errors}}


class MarketoAdapter(Adapter):
    """A subscription that knows the customers C-1 and C-2."""

    name = "marketo"
    secret: ClassVar[tuple[str, ...]] = ("client_secret",)
    goes_on: ClassVar[Mapping[str, GoesOn]] = {
        "upsert_lead": GoesOn.AGAIN,
        "add_activity": GoesOn.IN_DOUBT,
        "trigger_campaign": GoesOn.IN_DOUBT,
        "add_to_list": GoesOn.AGAIN,
        "remove_from_list": GoesOn.AGAIN,
        "upsert_object": GoesOn.AGAIN,
        "update_consent": GoesOn.AGAIN,
    }
    requests: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "upsert_lead": _LEADS,
        "add_activity": {"path": "/rest/v1/activities/external.json"},
        "trigger_campaign": {"path": "/rest/v1/campaigns/3712/trigger.json"},
        "add_to_list": _LIST,
        "remove_from_list": _LIST,
        "upsert_object": {"path": "/rest/v1/customobjects/communication_c.json"},
        "update_consent": _LEADS,
    }
    cannot: ClassVar[Mapping[tuple[str, Case], str]] = {
        ("add_to_list", Case.OVERSIZED): _SHORT,
        ("remove_from_list", Case.OVERSIZED): _SHORT,
        ("update_consent", Case.OVERSIZED): "the reason is its only text, and is cut to what the field takes (§6).",
    }
    differs: ClassVar[Mapping[tuple[str, Case], Told]] = {
        **{(action, Case.ROW_REFUSED): _NOBODY for action in (*_BY_NUMBER, "update_consent", "upsert_object")},
        # the look-up of the lead is refused in place of the write
        **{(action, Case.CREDENTIALS_EXPIRED): Told("delivered", "delivered", sent=1, done=1) for action in _BY_NUMBER},
        # without a token nothing is sent
        (EVERY, Case.CREDENTIALS_REVOKED): Told("hold credentials", "delivered", sent=1, done=1),
    }
    scripts: ClassVar[Mapping[tuple[str, Case], Mapping[str, Any]]] = {
        (EVERY, Case.REQUEST_REFUSED): _refusal("1003"),
        (EVERY, Case.THROTTLED): _refusal("606"),
        (EVERY, Case.QUOTA_GONE): _refusal("607"),
    }

    def made_options(self) -> dict[str, Any]:
        """One service is known; the suite itself is not throttled."""
        return {"services": {DEFAULT_CLIENT: Service(DEFAULT_SECRET)}, "rate": 1_000_000, "per_day": 1_000_000}

    def config(self, read_s: float = 10) -> MarketoConfig:
        """With the settings of the sink's own tests."""
        return config(self.url, read_timeout_s=read_s, connect_timeout_s=5)

    def item(self, sink: Sink, action: str, number: int = 1, **other: Any) -> Item:
        """About the customer of this number."""
        good = dict(GOOD[action])
        if action == "upsert_object":
            good["fields"] = {"documentId": f"D-{number}", "status": "SENT"}
        made = sink.actions[action]
        return sink.prepare(made, of(f"C-{number}", f"e-{number}"), made.parameters(**(good | other)))

    def bad_row(self, sink: Sink, action: str) -> Item:
        """A value that its field does not take, or a person that nobody knows."""
        if action == "upsert_lead":
            return self.item(sink, action, 2, fields={"leadScore": "lots"})
        return self.item(sink, action, 404)

    def oversized(self, action: str) -> dict[str, Any]:
        """More text than a field, an activity, or the tokens may have."""
        match action:
            case "add_activity":
                return {"attributes": {f"a{n}": _LONG * 5 for n in range(20)}}
            case "trigger_campaign":
                return {"tokens": {f"t{n}": _LONG * 5 for n in range(100)}}
            case _:
                return {"fields": {"documentId": "D-1", "stage": _LONG * 50}}

    def furnish(self, action: str) -> None:
        """Two leads, on the list where they are to be taken off it."""
        there = SandboxMarketo(self.url, self.http)
        numbers = there.put("C-1", "C-2")
        if action == "remove_from_list":
            there.call("POST", _LIST["path"], json={"input": [{"id": each} for each in numbers]})

    def done(self, action: str, number: int = 1) -> int:
        """Of the lead with this customer number."""
        state = self.state()
        leads = [lead for lead in state["leads"].values() if lead.get("customerNumber") == f"C-{number}"]
        lead = leads[0]
        match action:
            case "upsert_lead":
                return len([each for each in leads if each.get("stage") == "signed"])
            case "add_activity":
                return len([each for each in state["activities"] if each["leadId"] == lead["id"]])
            case "trigger_campaign":
                return len([each for each in state["runs"] if each["lead"] == lead["id"]])
            case "add_to_list":
                return len([each for each in state["lists"].get("1001", ()) if each == lead["id"]])
            case "remove_from_list":
                return int(lead["id"] not in state["lists"]["1001"])
            case "upsert_object":
                records = state["objects"].get("communication_c", [])
                return len([each for each in records if each["documentId"] == f"D-{number}"])
            case _:
                return int(lead.get("unsubscribed") is True)

    def expire(self) -> None:
        """Every token is at its end."""
        self.http.post("/_sandbox/quotas", json={"token": {"limit": 0, "window_s": 1}}).raise_for_status()

    def revoke(self) -> None:
        """The secret of the service is another one."""
        self.rotate("another")

    def rotate(self, secret: str) -> None:
        """Another secret of the service; tokens end."""
        self.options["services"][DEFAULT_CLIENT] = Service(secret)
        self.expire()

    def restore(self) -> None:
        """The service has its secret."""
        self.options["services"][DEFAULT_CLIENT] = Service(DEFAULT_SECRET)
