"""Events, settings and a sandbox for tests of the Exstream sink."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from common.event import Event
from sandbox.app import create, running
from sandbox.exstream.options import (
    BROCHURE,
    DEFAULT_CLIENT,
    DEFAULT_DOMAIN,
    DEFAULT_EMPOWER_USER,
    DEFAULT_SECRET,
    DEFAULT_TENANT,
    EDITABLE,
    FULFILMENT,
    RENEWAL,
)
from workers.sinks.exstream.config import ApiConfig, ExstreamConfig
from workers.sinks.exstream.sink import ExstreamSink

NOW = datetime.now(UTC).replace(microsecond=0)
JSON_DATA = """{"_evt": "${delivery_id}", "CustomerId": "${event.customer.customer_id}",
 "name": {"first": "${event.customer.first_name}", "last": "${event.customer.last_name|Customer}"},
 "DeliveryPreference": "${channel}", "offer": "${data.offer}", "score": "${data.score}"}"""
XML_DATA = """<customer id="${event.customer.customer_id}" ref="${event.correlation_id}">
  <evt>${delivery_id}</evt><name>${event.customer.first_name} ${event.customer.last_name}</name>
  <offer>${data.offer}</offer>
</customer>"""
COMMUNICATIONS: Mapping[str, dict[str, Any]] = {
    "product_brochure": {
        "way": "generate",
        "communication_id": BROCHURE,
        "driver": "brochure_json",
        "driver_data": JSON_DATA,
    },
    "brochure_preview": {
        "way": "generate",
        "communication_id": BROCHURE,
        "driver": "brochure_json",
        "driver_data": JSON_DATA,
        "side_effects": "none",
    },
    "renewal_reminder": {
        "way": "generate",
        "communication_id": RENEWAL,
        "driver": "renewal_xml",
        "driver_data": XML_DATA,
        "format": "xml",
    },
    "claim_letter": {
        "way": "generate",
        "communication_id": EDITABLE,
        "driver": "claim_json",
        "empower_user": DEFAULT_EMPOWER_USER,
        "driver_data": JSON_DATA,
        "fulfil": {"communication_id": FULFILMENT, "driver": "empower_documents"},
    },
    "onboarding_letter": {"way": "batch", "service": "OnboardingLetters", "driver_data": JSON_DATA},
    "service_notification": {"way": "ondemand", "service": "ServiceNotifications", "driver_data": JSON_DATA},
    "statements": {"way": "batch", "service": "Statements", "driver_data": JSON_DATA},
    "unpublished": {"way": "batch", "service": "Unpublished", "driver_data": JSON_DATA},
}

# the requests and answers of the vendor page, word for word
PAGE_TOKEN_REQUEST = {"client_id": DEFAULT_CLIENT, "client_secret": DEFAULT_SECRET, "grant_type": "client_credentials"}
PAGE_GENERATED = """{"status":"success","data":[{"content":"<base64>","mimeType":"application/pdf",
  "engineOutputContext":{"queueName":"PDF","fileName":"letter.pdf","customerNumber":"1"}}]}"""
PAGE_EMBEDDED = """{"status":"error","data":[{"errorMessage":"…","statusCode":"401","engineOutputContext":{}}]}"""
PAGE_STARTED = """{"status":"success","data":[{"id":"<flow instance uuid>","jobId":"<job uuid>","flowModelId":"…","flowModelSnapshotId":"…",
  "domainId":"Dev","status":"started","startDate":1719912345678,"endDate":null,"expirationDate":null,"externalId":null,
  "flowModelType":"COMMUNICATION","executingLongRunningOp":false,"flowModelName":null}]}"""  # noqa: E501
PAGE_FULFIL = '{"documents":["<documentId>"]}'
PAGE_INVALID_KEY = '{"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.v2.InvalidApiKey"}}}'


class MovingClock:
    """The machine's time, moved by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        """Wall time."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        """Seconds that go on as wall time does."""
        return self.now().timestamp()


def event(event_id: str = "9f2c", **more: Any) -> Event:
    """An event that asks for a document."""
    customer = {
        "customer_id": "C-1",
        "resolved": True,
        "first_name": "Jane",
        "last_name": "O'Hara & <Sons>",
        "email": "jane@acme.example",
    }
    value = {
        "event_id": event_id,
        "type": "REQUESTED",
        "source": "crm",
        "source_instance": "crm.example.com",
        "occurred_at": NOW,
        "ingested_at": NOW + timedelta(seconds=4),
        "customer": customer,
        "correlation_id": "run-7",
        "caused_by": None,
        "attributes": {"tier": "gold"},
        **more,
    }
    return Event("comms.communication.v1", b"C-1", value)


def api(base_url: str = "https://communication.us.api.opentext.com", **more: Any) -> ApiConfig:
    """A client of the sandbox's tenant."""
    given = {
        "base_url": base_url,
        "domain": DEFAULT_DOMAIN,
        "token_url": f"{base_url}/tenants/{DEFAULT_TENANT}/oauth2/token",
        "client_id": DEFAULT_CLIENT,
        "client_secret": SecretStr(DEFAULT_SECRET),
        "account": DEFAULT_CLIENT,
    }
    return ApiConfig.model_validate(given | more)


def config(**more: Any) -> ExstreamConfig:
    """Settings with every way to start a communication."""
    return ExstreamConfig.model_validate({"api": api(), "communications": COMMUNICATIONS} | more)


class SandboxExstream:
    """A served sandbox: where it is, its control endpoint, and a client's own calls."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url, self.http = url, http

    def sink(
        self, *, account: Mapping[str, Any] | None = None, clock: MovingClock | None = None, **more: Any
    ) -> ExstreamSink:
        """A sink that talks to it, with short time-outs."""
        quick = {"read_timeout_s": 1.0, "connect_timeout_s": 2.0, "settle_after_s": 0}
        given = {"api": api(self.url, **(account or {}))}
        return ExstreamSink.connect(config(**(given | quick | more)), clock or MovingClock())

    def fault(self, **spec: Any) -> None:
        """Script a fault."""
        self.http.post("/_sandbox/faults", json=spec).raise_for_status()

    def forgive(self) -> None:
        """Take every fault back."""
        self.http.delete("/_sandbox/faults").raise_for_status()

    def quota(self, limit: int, window_s: float) -> None:
        """Set the rate."""
        self.http.post("/_sandbox/quotas", json={"requests": {"limit": limit, "window_s": window_s}}).raise_for_status()

    def account(self, **given: Any) -> dict[str, Any]:
        """Revoke clients, take access away, end tokens."""
        return dict(self.http.post("/_sandbox/account", json=given).raise_for_status().json())

    def templates(self, **states: str) -> None:
        """Put communications into states, by name."""
        ids = {"product_brochure": BROCHURE, "claim_letter": EDITABLE, "claim_letter_fulfilment": FULFILMENT}
        given = {ids[name]: state for name, state in states.items()}
        self.http.post("/_sandbox/templates", json=given).raise_for_status()

    def publish(self, flow_model: str) -> str:
        """A new version of a flow model is approved, and published; the version."""
        self.http.post(f"/_sandbox/flow-models/{flow_model}").raise_for_status()
        path = f"/orchestration/api/v1/flow-models/{DEFAULT_DOMAIN}/{flow_model}/publish"
        return str(self.call("POST", path).raise_for_status().json()["data"]["version"])

    def set_clock(self, **spec: Any) -> None:
        """Set or move its clock."""
        self.http.post("/_sandbox/clock", json=spec).raise_for_status()

    def wipe(self) -> None:
        """Finished jobs were never there."""
        self.http.post("/_sandbox/wipe").raise_for_status()

    def state(self) -> dict[str, Any]:
        """What is true there."""
        return dict(self.http.get("/_sandbox/state").json())

    def jobs(self) -> list[dict[str, Any]]:
        """Its jobs, in the order of their start."""
        return list(self.state()["jobs"].values())

    def received(self, path: str) -> list[dict[str, Any]]:
        """The requests below a path, in order of arrival."""
        return list(self.http.get("/_sandbox/received", params={"path": path}).json()["requests"])

    def clear(self) -> None:
        """As new, but for its tokens."""
        self.forgive()
        self.http.delete("/_sandbox/state").raise_for_status()

    def token(self) -> str:
        """A token of its own client."""
        answer = self.http.post(f"/tenants/{DEFAULT_TENANT}/oauth2/token", json=PAGE_TOKEN_REQUEST)
        return str(answer.raise_for_status().json()["access_token"])

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """As a client with a fresh token."""
        headers = {"authorization": f"Bearer {self.token()}", **more.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **more)


@contextmanager
def sandbox_exstream(**options: Any) -> Iterator[SandboxExstream]:
    """A sandbox on a loopback socket."""
    app = create("exstream", **({"seed": 1} | options))
    with running(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=5) as http:
        yield SandboxExstream(url, http)


def feed(directory: Path, **more: Any) -> dict[str, Any]:
    """A feed into a directory."""
    return {"directory": directory, **more}
