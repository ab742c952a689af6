"""Notifications in the suite: as it is set out of the box, and where a site has found that repeats are recognised."""

from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.notifications.options import DEFAULT_ACCOUNT, DEFAULT_CLIENT, DEFAULT_SECRET, Client
from tests.contract.vendors.adapter import EVERY, Adapter
from tests.contract.vendors.cases import Case, GoesOn, Told
from tests.support.notifications import config, endpoint, event, oauth
from workers.sinks.api import Item, Sink
from workers.sinks.notifications.config import NotificationsConfig

_ONE = "a request is one message: a refused one is a refused request (§2.1, §7.3)."
_SILENT = "it makes no request: its verdict carries the event."


class NotificationsAdapter(Adapter):
    """A tenant with one OAuth client, and a site's own alert system."""

    name = "notifications"
    secret: ClassVar[tuple[str, ...]] = ("messaging", "client_secret")
    recognises: ClassVar[bool] = False
    silent: ClassVar[frozenset[str]] = frozenset({"raise_alert"})
    goes_on: ClassVar[Mapping[str, GoesOn]] = {
        "notify": GoesOn.IN_DOUBT,
        "http_alert": GoesOn.IN_DOUBT,
        "raise_alert": GoesOn.AGAIN,
    }
    requests: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "notify": {"path": "/mra/v1/outbound", "match": "destinations"},
        "http_alert": {"path": "/api/v1/notifications"},
        "raise_alert": {"path": "/"},
    }
    cannot: ClassVar[Mapping[tuple[str, Case], str]] = {
        (EVERY, Case.ROW_REFUSED): _ONE,
        (EVERY, Case.QUOTA_GONE): "the page knows of no quota (§8).",
        ("http_alert", Case.CREDENTIALS_EXPIRED): "a signing secret has no end (§7.3).",
        **{("raise_alert", case): _SILENT for case in Case if case not in (Case.ACCEPTED, Case.ROW_REFUSED)},
    }
    differs: ClassVar[Mapping[tuple[str, Case], Told]] = {
        # without a token nothing is sent
        ("notify", Case.CREDENTIALS_REVOKED): Told("hold credentials", "delivered", sent=1, done=1),
        # a signature is fresh for minutes (§7.3)
        ("http_alert", Case.CLOCK_SKEW): Told("hold credentials", "delivered", sent=2, done=1),
        # any 2xx of a site's own endpoint is a yes (§7.3)
        ("http_alert", Case.GARBAGE): Told("delivered", "delivered", sent=1, done=1),
        ("raise_alert", Case.ACCEPTED): Told("delivered", "delivered", sent=0, done=0),
    }
    scripts: ClassVar[Mapping[tuple[str, Case], Mapping[str, Any]]] = {
        ("http_alert", Case.CREDENTIALS_REVOKED): {"status": 401},
    }

    def made_options(self) -> dict[str, Any]:
        """The page's own."""
        return {"clients": {DEFAULT_CLIENT: Client(DEFAULT_SECRET, DEFAULT_ACCOUNT)}}

    def config(self, read_s: float = 10) -> NotificationsConfig:
        """By OAuth, since a password does not expire."""
        sides = {
            "messaging": oauth(self.url, max_body_bytes=100_000, repeats_recognised=self.recognises),
            "http_alert": endpoint(self.url, max_body_bytes=100_000, repeats_recognised=self.recognises),
        }
        return config(**sides, read_timeout_s=read_s, connect_timeout_s=5)

    def item(self, sink: Sink, action: str, number: int = 1, **other: Any) -> Item:
        """One person is told of the batch of this number."""
        good: dict[str, Any] = {"title": f"Batch {number} failed", "topic": "batch.failed", "audience": ["region:DE"]}
        if action == "raise_alert":
            good |= {"alert_key": f"batch:{number}:failed", "severity": "HIGH"}
        made = sink.actions[action]
        return sink.prepare(made, event(f"e-{number}"), made.parameters(**(good | other)))

    def bad_row(self, sink: Sink, action: str) -> Item:
        """Never asked: a request is one message."""
        raise NotImplementedError(action)

    def oversized(self, action: str) -> dict[str, Any]:
        """A body beyond what a job or a call may have."""
        return {"body": "x" * 150_000}

    def done(self, action: str, number: int = 1) -> int:
        """How often the person, or the alert system, was told."""
        state = self.state()
        match action:
            case "notify":
                told = [each for sent in state["inbox"].values() for each in sent]
                return len([each for each in told if f"Batch {number} failed" in each["said"]])
            case "http_alert":
                return len([alert for alert in state["alerts"] if alert["source_event_id"] == f"e-{number}"])
            case _:
                return 0

    def expire(self) -> None:
        """Every token is at its end."""
        self._account(end_tokens=True)

    def revoke(self) -> None:
        """The account that the client acts for is closed."""
        self._account(revoked=[DEFAULT_ACCOUNT], end_tokens=True)

    def rotate(self, secret: str) -> None:
        """Another secret of the client; tokens end."""
        self.options["clients"][DEFAULT_CLIENT] = Client(secret, DEFAULT_ACCOUNT)
        self._account(end_tokens=True)

    def restore(self) -> None:
        """It is open."""
        self.options["clients"][DEFAULT_CLIENT] = Client(DEFAULT_SECRET, DEFAULT_ACCOUNT)
        self._account(revoked=[])

    def _account(self, **given: Any) -> None:
        self.http.post("/_sandbox/account", json=given).raise_for_status()


class RecognisingAdapter(NotificationsAdapter):
    """The same where a repeated id is known to be one message (§3: documented for SOAP only)."""

    name = "notifications recognising"
    recognises: ClassVar[bool] = True
    goes_on: ClassVar[Mapping[str, GoesOn]] = {"notify": GoesOn.AGAIN, "http_alert": GoesOn.AGAIN}
