"""A Notifications poller against a served sandbox, with receipts in memory."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from common.clock import Clock
from sandbox.notifications.options import (
    DEFAULT_ACCOUNT,
    DEFAULT_CLIENT,
    DEFAULT_PASSWORD,
    DEFAULT_SECRET,
    DEFAULT_TENANT,
)
from tests.support.marketo_poll import KeptLog
from tests.support.notifications import SandboxNotifications
from tests.support.polling import Polling
from workers.ingest.pollers.notifications.config import NotificationsPollerConfig
from workers.ingest.pollers.notifications.source import NotificationsSource

SINCE = datetime.now(UTC) - timedelta(hours=1)


def config(base_url: str, *, bearer: bool = False, **more: Any) -> NotificationsPollerConfig:
    """Settings of a poller with short time-outs and a roomy slice."""
    basic = {"username": DEFAULT_ACCOUNT, "password": SecretStr(DEFAULT_PASSWORD)}
    oauth = {
        "token_url": f"{base_url}/tenants/{DEFAULT_TENANT}/oauth2/token",
        "client_id": DEFAULT_CLIENT,
        "client_secret": SecretStr(DEFAULT_SECRET),
    }
    settings: dict[str, Any] = {
        "instance": "acme-prod",
        "read_timeout_s": 2.0,
        "requests_per_minute": 10_000,
        "remembered_ids": 500,
    }
    return NotificationsPollerConfig(base_url=base_url, **(settings | (oauth if bearer else basic) | more))


class KeptReceipts:
    """What our sink wrote, in memory; each reader gets each receipt once."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._given = 0

    def add(self, job_id: str, at: datetime, *, kind: str = "email", sink: str = "notifications") -> None:
        """A message was delivered."""
        receipt = {"sink": sink, "verdict": "DELIVERED", "vendor_ids": {f"{kind}_id": job_id}, "occurred_at": at}
        self.all.append(receipt)

    def news(self, since: datetime) -> Iterable[Mapping[str, Any]]:
        """Those since the last call."""
        found, self._given = self.all[self._given :], len(self.all)
        return [each for each in found if each["occurred_at"] >= since]

    def again(self) -> "KeptReceipts":
        """The same, for another process."""
        other = KeptReceipts()
        other.all = self.all
        return other


def poller(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: Clock, log: KeptLog | None = None, **more: Any
) -> Polling:
    """A poller of the default account."""
    source = NotificationsSource(config(vendor.url, **more), clock, None, receipts)
    return Polling(source, SINCE, log, clock)


def send(vendor: SandboxNotifications, *names: str, reference: str = "evt:9f2c batch:4711") -> str:
    """An e-mail to some people; its job's id."""
    text = b64encode(b"hi").decode()
    body = {
        "options": {
            "message_id": f"acme-prod-{'-'.join(names)}-{reference}"[:80],
            "customer_reference": reference,
            "email_options": {"subject": "Batch 4711 failed"},
        },
        "destinations": [{"ref": f"u:{name}", "email": f"{name}@acme.example"} for name in names],
        "body": [{"name": "body.txt", "type": "text", "charset": "UTF-8", "data": text}],
    }
    answer = vendor.post("/mra/v1/outbound/emails", body)
    return str(answer.raise_for_status().json()["job_id"])
