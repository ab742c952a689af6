"""The town's vendors, as their own people and administrators use them, and what they hold in the end."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from workers.demo.sender import credentials
from workers.demo.signals.people import Person
from workers.demo.site import secrets
from workers.demo.site.doors import SOURCES

Received = Mapping[str, Any]
SCORE = 22
"""Marketo's number of a changed score (§2.11)."""


class Vendors:
    """Every sandbox, by its own API and its control endpoint."""

    def __init__(self, http: httpx.Client, urls: Mapping[str, str]) -> None:
        self._http, self._urls = http, urls

    def fault(self, vendor: str, *faults: Mapping[str, Any]) -> None:
        """Script faults (`sandbox.faults.FaultSpec`)."""
        self._control(vendor, "faults", list(faults))

    def forgive(self, vendor: str) -> None:
        """Everything goes well again."""
        self._http.delete(f"{self._urls[vendor]}/_sandbox/faults").raise_for_status()

    def leads(self, people: Iterable[Person], **fields: Any) -> None:
        """These people are leads in Marketo, with these fields."""
        asked = {
            "grant_type": "client_credentials",
            "client_id": secrets.CLIENT,
            "client_secret": secrets.CLIENT_SECRET,
        }
        token = self._http.post(f"{self._urls['marketo']}/identity/oauth/token", data=asked).json()["access_token"]
        rows = [{"customerNumber": who.id, "email": who.email, **fields} for who in people]
        answer = self._http.post(
            f"{self._urls['marketo']}/rest/v1/leads.json",
            json={"lookupField": "customerNumber", "input": rows},
            headers={"authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()

    def scored(self, who: Person, now: int, before: int) -> None:
        """A lead's score passes from one value to another, in Marketo's own log."""
        values = {"New Value": str(now), "Old Value": str(before)}
        row = {"type_id": SCORE, "customer": who.id, "primary": "Lead Score", "attributes": values}
        self._control("marketo", "activities", [row])

    def approved_block(self, name: str, workspace_id: str, content: str) -> None:
        """A content block in Braze with the approval tag, and the workspace that it belongs to."""
        tags = ["approved", f"workspace:{workspace_id}"]
        block = {"id": f"cb-{name}", "name": name, "tags": tags, "fields": {"content": content}}
        self._control("braze", "rows", {"content_blocks": [block]})

    def push_outcomes(self, door: str) -> None:
        """Notifications posts what became of its jobs to our hook, as it does by itself."""
        headers = credentials(SOURCES["notifications"]["auth"], b"")
        self._control("notifications", "push", {"url": f"{door}/hooks/notifications", "headers": headers})

    def workspaces(self) -> dict[str, str]:
        """Customer id -> id of the customer's own workspace at Extended ECM."""
        nodes = self.state("ecm")["nodes"].values()
        return {node["business_object"][2]: str(node["id"]) for node in nodes if node.get("business_object")}

    def state(self, vendor: str) -> dict[str, Any]:
        """What is true at a vendor now."""
        return dict(self._http.get(f"{self._urls[vendor]}/_sandbox/state").json())

    def received(self, vendor: str) -> list[Received]:
        """The writes that a vendor accepted."""
        found = self._http.get(f"{self._urls[vendor]}/_sandbox/received").json()["requests"]
        return [one for one in found if one["method"] != "GET" and one["status"] // 100 == 2]

    def _control(self, vendor: str, name: str, given: Any) -> None:
        self._http.post(f"{self._urls[vendor]}/_sandbox/{name}", json=given).raise_for_status()


def contacts(vendors: Vendors) -> dict[str, int]:
    """How often somebody was contacted, by `sink.action`, as the vendors themselves count it."""
    braze = vendors.received("braze")
    exstream = vendors.state("exstream")
    return {
        "braze.trigger_campaign": _recipients(braze, "/campaigns/trigger/send"),
        "braze.trigger_canvas": _recipients(braze, "/canvas/trigger/send"),
        "braze.track_event": sum(len(_body(one).get("events", [])) for one in braze if one["path"] == "/users/track"),
        "exstream.start_service": len(exstream["sent"]) + len(exstream["jobs"]),
        "marketo.trigger_campaign": len(vendors.state("marketo")["runs"]),
        "notifications.notify": len(_mailed(vendors.received("notifications"))),
    }


def mailed_twice(vendors: Vendors) -> int:
    """Messages that Notifications got more than once under one id of ours."""
    mailed = _mailed(vendors.received("notifications"))
    return len(mailed) - len(set(mailed))


def _recipients(requests: Iterable[Received], path: str) -> int:
    return sum(len(_body(one)["recipients"]) for one in requests if one["path"] == path)


def _mailed(requests: Iterable[Received]) -> list[str]:
    """The message ids of accepted e-mails, one a delivery: an SMS goes beside its e-mail."""
    mails = [_body(one) for one in requests if one["path"].endswith("/outbound/emails")]
    return [str(one["options"]["message_id"]) for one in mails]


def _body(request: Received) -> Any:
    body = request["body"]
    return json.loads(body) if isinstance(body, str) else body
