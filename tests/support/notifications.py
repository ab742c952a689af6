"""Events, settings and a sandbox for tests of the Notifications sink."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from common.event import Event
from sandbox.app import create, running
from sandbox.notifications.options import (
    ALERT_SECRET,
    DEFAULT_ACCOUNT,
    DEFAULT_CLIENT,
    DEFAULT_PASSWORD,
    DEFAULT_SECRET,
    DEFAULT_TENANT,
)
from workers.sinks.notifications.config import HttpAlertConfig, MessagingConfig, NotificationsConfig
from workers.sinks.notifications.sink import NotificationsSink

NOW = datetime.now(UTC).replace(microsecond=0)
OCCURRED = NOW - timedelta(minutes=5)
PEOPLE: Mapping[str, Any] = {
    "jane": {"email": "jane@acme.example", "sms": "+34666999999"},
    "bob": {"email": "bob@acme.example"},
    "eve": {"email": "eve@acme.example", "sms": "+491701234567"},
}
AUDIENCES: Mapping[str, tuple[str, ...]] = {
    "role:operations": ("user:jane", "user:bob"),
    "group:claims": ("role:operations", "user:eve"),
    "region:DE": ("user:eve",),
}
GOOD: Mapping[str, dict[str, Any]] = {
    "notify": {"title": "Batch 4711 failed", "topic": "batch.failed", "audience": ["role:operations"]},
    "http_alert": {"title": "Batch 4711 failed", "topic": "batch.failed", "audience": ["role:operations"]},
    "raise_alert": {
        "title": "Batch 4711 failed",
        "topic": "batch.failed",
        "audience": ["role:operations"],
        "alert_key": "batch:4711:failed",
        "severity": "HIGH",
    },
}

# the requests of the vendor page, word for word where they are ours to say
PAGE_EMAIL = """{"options":{"message_id":"acme-prod-9f2c","billing_code":"CRM","customer_reference":"evt:9f2c",
   "email_options":{"subject":"[HIGH] Batch 4711 failed","from_display_name":"Acme Alerts",
     "forward_reply":"ops@acme.example","charset":"UTF-8","html_open_tracking":"top","expiration_days":14,
     "pull_password":null,"display_to":"ops@acme.example","display_cc":""}},
 "destinations":[{"ref":"u:7240","email":"jane@acme.example","inserts":[{"id":1,"value":"Jane"}],
   "display_to":"","display_cc":""}],
 "body":[{"name":"body.html","type":"html","charset":"UTF-8","data":"PGI+"},
         {"name":"body.txt","type":"text","charset":"UTF-8","data":"aGk="}],
 "reports":{"delivery_report":{"type":"none"},"final_report":{"type":"none"}}}"""
PAGE_SMS = """{"options":{"message_id":"m","billing_code":"CRM","customer_reference":"evt:9f2c"},
 "destinations":[{"ref":"u:7240","sms":"0034666999999","inserts":[]}],"sms_text":"t","reports":{}}"""


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
    """An event about which staff is told."""
    value = {
        "event_id": event_id,
        "type": "FAILED",
        "source": "exstream",
        "source_instance": "statements.example.com",
        "occurred_at": OCCURRED,
        "ingested_at": OCCURRED + timedelta(seconds=4),
        "customer": None,
        "correlation_id": "run-7",
        **more,
    }
    return Event("comms.batch.v1", b"4711", value)


def messaging(base_url: str = "https://api.eu.cloudmessaging.opentext.com", **more: Any) -> MessagingConfig:
    """An account with Basic."""
    basic = {"username": DEFAULT_ACCOUNT, "password": SecretStr(DEFAULT_PASSWORD), "message_prefix": "acme-prod"}
    return MessagingConfig(base_url=base_url, **(basic | more))


def oauth(base_url: str, **more: Any) -> MessagingConfig:
    """An account with OAuth."""
    asked = {
        "token_url": f"{base_url}/tenants/{DEFAULT_TENANT}/oauth2/token",
        "client_id": DEFAULT_CLIENT,
        "client_secret": SecretStr(DEFAULT_SECRET),
        "message_prefix": "acme-prod",
    }
    return MessagingConfig(base_url=base_url, **(asked | more))


def endpoint(base_url: str = "https://alerts.example.com", **more: Any) -> HttpAlertConfig:
    """A site's own alert system."""
    given = {"url": f"{base_url}/api/v1/notifications", "signing_secret": SecretStr(ALERT_SECRET)}
    return HttpAlertConfig(**(given | more))


def config(**more: Any) -> NotificationsConfig:
    """Settings with a few people and both ways out."""
    given = {"people": PEOPLE, "audiences": AUDIENCES, "messaging": messaging(), "http_alert": endpoint()}
    return NotificationsConfig.model_validate(given | more)


class SandboxNotifications:
    """A served sandbox: where it is, its control endpoint, and a client's own calls."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url, self.http = url, http

    def sink(
        self,
        *,
        bearer: bool = False,
        account: Mapping[str, Any] | None = None,
        alerts: Mapping[str, Any] | None = None,
        clock: MovingClock | None = None,
        **more: Any,
    ) -> NotificationsSink:
        """A sink that talks to it, with short time-outs."""
        made = (oauth if bearer else messaging)(self.url, **(account or {}))
        given = {"messaging": made, "http_alert": endpoint(self.url, **(alerts or {}))}
        quick = {"read_timeout_s": 0.4, "connect_timeout_s": 2.0}
        return NotificationsSink.connect(config(**(given | quick | more)), clock or MovingClock())

    def fault(self, **spec: Any) -> None:
        """Script a fault."""
        self.http.post("/_sandbox/faults", json=spec).raise_for_status()

    def forgive(self) -> None:
        """Take every fault back."""
        self.http.delete("/_sandbox/faults").raise_for_status()

    def quota(self, limit: int, window_s: float) -> None:
        """Set the platform's rate."""
        self.http.post("/_sandbox/quotas", json={"requests": {"limit": limit, "window_s": window_s}}).raise_for_status()

    def account(self, **given: Any) -> dict[str, Any]:
        """Revoke accounts, end tokens."""
        return dict(self.http.post("/_sandbox/account", json=given).raise_for_status().json())

    def set_clock(self, **spec: Any) -> None:
        """Set or move its clock."""
        self.http.post("/_sandbox/clock", json=spec).raise_for_status()

    def state(self) -> dict[str, Any]:
        """What is true there."""
        return dict(self.http.get("/_sandbox/state").json())

    def inbox(self) -> dict[str, list[str]]:
        """What each address was told, in order."""
        return {address: [each["said"] for each in sent] for address, sent in self.state()["inbox"].items()}

    def received(self, path: str) -> list[dict[str, Any]]:
        """The requests below a path, in order of arrival."""
        return list(self.http.get("/_sandbox/received", params={"path": path}).json()["requests"])

    def clear(self) -> None:
        """As new, but for its tokens."""
        self.forgive()
        self.http.delete("/_sandbox/state").raise_for_status()

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """As a client with the default account."""
        return self.http.post(path, json=body, headers=headers, auth=(DEFAULT_ACCOUNT, DEFAULT_PASSWORD))

    def get(self, path: str) -> httpx.Response:
        """As a client with the default account."""
        return self.http.get(path, auth=(DEFAULT_ACCOUNT, DEFAULT_PASSWORD))


@contextmanager
def sandbox_notifications(**options: Any) -> Iterator[SandboxNotifications]:
    """A sandbox on a loopback socket."""
    app = create("notifications", **({"seed": 1} | options))
    with running(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=5) as http:
        yield SandboxNotifications(url, http)
