"""Events, settings and a sandbox for tests of the Marketo sink."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from common.clock import SystemClock
from common.event import Event
from sandbox.app import create, running
from sandbox.marketo.options import DEFAULT_CLIENT, DEFAULT_SECRET
from workers.sinks.marketo.config import ActivityType, MarketoConfig, ObjectType
from workers.sinks.marketo.sink import MarketoSink

OCCURRED = datetime(2026, 11, 20, 9, 15, 0, 123456, tzinfo=UTC)
SITE: dict[str, Any] = {
    "client_id": DEFAULT_CLIENT,
    "client_secret": SecretStr(DEFAULT_SECRET),
    "customer_id_field": "customerNumber",
    "campaigns": {"onboarding": 3712, "renewal": 3713},
    "lists": {"save": 1001},
    "activities": {"document_sent": ActivityType(type_id=100001, event_id_attribute="eventId")},
    "objects": {
        "communication": ObjectType(
            api_name="communication_c", dedupe_fields=("documentId",), customer_field="customerNumber"
        )
    },
}


def event(customer: dict[str, Any] | None = None, *, event_id: str = "e-1") -> Event:
    """An event of customer C-1, or of another one, or (`{}`) of nobody."""
    who = {"customer_id": "C-1", "resolved": True} if customer is None else customer or None
    return Event("comms.communication.v1", b"C-1", {"event_id": event_id, "occurred_at": OCCURRED, "customer": who})


def of(customer_id: str, event_id: str = "e-1", **more: Any) -> Event:
    """An event of a customer that is resolved."""
    return event({"customer_id": customer_id, "resolved": True, **more}, event_id=event_id)


def config(base_url: str = "https://123-abc-456.mktorest.com", **more: Any) -> MarketoConfig:
    """Settings of a site with a name for everything."""
    return MarketoConfig(base_url=base_url, **(SITE | more))


def sink_at(url: str, **more: Any) -> MarketoSink:
    """A sink with short time-outs that talks to whoever listens there."""
    quick = {"read_timeout_s": 0.5, "connect_timeout_s": 2.0}
    return MarketoSink.connect(config(url, **(quick | more)), SystemClock())


class SandboxMarketo:
    """A served sandbox: where it is, its control endpoint, and a service's own calls."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url, self._http = url, http

    def sink(self, **more: Any) -> MarketoSink:
        """A sink that talks to it, with short time-outs."""
        return sink_at(self.url, **more)

    def token(self) -> str:
        """A token, asked for as anybody would."""
        asked = {"grant_type": "client_credentials", "client_id": DEFAULT_CLIENT, "client_secret": DEFAULT_SECRET}
        return str(self._http.post("/identity/oauth/token", data=asked).json()["access_token"])

    def call(self, method: str, path: str, **options: Any) -> Any:
        """What the API answers to a caller with a good token."""
        headers = {"authorization": f"Bearer {self.token()}", **options.pop("headers", {})}
        return self._http.request(method, path, headers=headers, **options).json()

    def put(self, *customers: str, **fields: Any) -> list[int]:
        """Leads with these customer ids; their numbers."""
        rows = [{"customerNumber": each, **fields} for each in customers]
        body = {"lookupField": "customerNumber", "input": rows}
        return [row["id"] for row in self.call("POST", "/rest/v1/leads.json", json=body)["result"]]

    def did(self, *rows: dict[str, Any]) -> list[int]:
        """What people did, as rows of the log (`sandbox.marketo.activities.Scripted`); their numbers."""
        answer = self._http.post("/_sandbox/activities", json=list(rows)).raise_for_status()
        return list(answer.json()["ids"])

    def fault(self, **spec: Any) -> None:
        """Script a fault of the API itself, not of its identity service."""
        self._http.post("/_sandbox/faults", json={"path": "/rest", **spec}).raise_for_status()

    def refuse(self, *codes: str, **spec: Any) -> None:
        """Script a refusal of whole requests, as the vendor says it."""
        errors = [{"code": code, "message": "scripted"} for code in codes]
        self.fault(status=200, body={"requestId": "1#2", "success": False, "errors": errors}, **spec)

    def forgive(self) -> None:
        """Take every fault back."""
        self._http.delete("/_sandbox/faults").raise_for_status()

    def quota(self, name: str, limit: int, window_s: float = 20) -> None:
        """Set rate, concurrency or daily; `token` ends every token."""
        self._http.post("/_sandbox/quotas", json={name: {"limit": limit, "window_s": window_s}}).raise_for_status()

    def set_clock(self, **spec: Any) -> None:
        """Set or move its clock."""
        self._http.post("/_sandbox/clock", json=spec).raise_for_status()

    def state(self) -> dict[str, Any]:
        """What is true at the vendor."""
        return dict(self._http.get("/_sandbox/state").json())

    def lead(self, customer_id: str) -> dict[str, Any]:
        """The one lead of a customer."""
        (found,) = [lead for lead in self.state()["leads"].values() if lead.get("customerNumber") == customer_id]
        return dict(found)

    def clear(self) -> None:
        """Forget everything but the tokens."""
        self.forgive()
        self._http.delete("/_sandbox/state").raise_for_status()

    def received(self, path: str = "/rest") -> list[dict[str, Any]]:
        """The requests below a path, in order of arrival."""
        return list(self._http.get("/_sandbox/received", params={"path": path}).json()["requests"])


@contextmanager
def sandbox_marketo(**options: Any) -> Iterator[SandboxMarketo]:
    """A sandbox Marketo on a loopback socket."""
    app = create("marketo", **({"seed": 1} | options))
    with running(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=5) as http:
        yield SandboxMarketo(url, http)
