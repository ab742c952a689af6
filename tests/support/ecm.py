"""Events, settings and a sandbox for tests of the ECM sink."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from common.clock import SystemClock
from common.event import Event
from sandbox.app import create, running
from sandbox.ecm.options import (
    COMMUNICATION,
    CONSENT,
    CUSTOMER_TEMPLATE,
    CUSTOMER_TYPE,
    DEFAULT_CLIENT,
    DEFAULT_PASSWORD,
    DEFAULT_SECRET,
    DEFAULT_USER,
)
from workers.sinks.ecm.config import Category, ConsentHistory, EcmConfig, WorkspaceType
from workers.sinks.ecm.sink import EcmSink

OCCURRED = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
ACME = ("SF", "Account", "0015x")
OTHER = ("SF", "Account", "0016y")
CONSENT_ATTRIBUTES = {
    "event_id": 1,
    "customer_id": 2,
    "kind": 3,
    "channel": 4,
    "purpose": 5,
    "state": 6,
    "effective_at": 7,
    "origin": 8,
    "actor": 9,
    "proof": 10,
    "recorded_at": 11,
}


def event(event_id: str = "e-1", customer: dict[str, Any] | None = None) -> Event:
    """An event of customer u1, or of another one."""
    who = customer or {"customer_id": "u1", "resolved": True}
    value = {"event_id": event_id, "occurred_at": OCCURRED, "customer": who}
    return Event("comms.workspace.v1", b"u1", value)


def config(base_url: str = "https://ecm.example.com/otcs/cs", **more: Any) -> EcmConfig:
    """Settings that fit the sandbox's own categories, type and members."""
    settings: dict[str, Any] = {
        "username": DEFAULT_USER,
        "password": SecretStr(DEFAULT_PASSWORD),
        "categories": {"communication": Category(id=COMMUNICATION, attributes={"status": 2, "channel": 3, "tags": 5})},
        "consent": ConsentHistory(category=CONSENT, set=3, attributes=CONSENT_ATTRIBUTES),
        "workspace_types": {
            "customer": WorkspaceType(
                type_id=CUSTOMER_TYPE, template_id=CUSTOMER_TEMPLATE, system="SF", object_type="Account"
            )
        },
        "members": {"service": 7240, "lead": 1000},
    }
    return EcmConfig(base_url=base_url, **(settings | more))


def sink_at(url: str, **more: Any) -> EcmSink:
    """A sink that talks to whoever listens there."""
    patient = {"read_timeout_s": 10.0, "create_timeout_s": 10.0, "connect_timeout_s": 5.0}
    return EcmSink.connect(config(f"{url}/otcs/cs", **(patient | more)), SystemClock())


class SandboxEcm:
    """A served sandbox: where it is, and its control endpoint."""

    def __init__(self, url: str, control: httpx.Client) -> None:
        self.url, self._control = url, control

    def sink(self, **more: Any) -> EcmSink:
        """A sink that talks to it."""
        return sink_at(self.url, **more)

    def otds_sink(self, **more: Any) -> EcmSink:
        """The same with a token of OTDS on every call."""
        otds = {"otds_token_url": f"{self.url}/otdsws/oauth2/token", "client_id": DEFAULT_CLIENT}
        return self.sink(auth="otds", client_secret=SecretStr(DEFAULT_SECRET), **(otds | more))

    def fault(self, **spec: Any) -> None:
        """Script a fault."""
        self._control.post("/_sandbox/faults", json=spec).raise_for_status()

    def forgive(self) -> None:
        """Take every fault back."""
        self._control.delete("/_sandbox/faults").raise_for_status()

    def quota(self, limit: int, window_s: float) -> None:
        """Let a proxy in front ask for patience."""
        self._control.post("/_sandbox/quotas", json={"*": {"limit": limit, "window_s": window_s}}).raise_for_status()

    def set_clock(self, **spec: Any) -> None:
        """Set or move its clock."""
        self._control.post("/_sandbox/clock", json=spec).raise_for_status()

    def account(self, **spec: Any) -> None:
        """Hide nodes, revoke users, expire tickets."""
        self._control.post("/_sandbox/account", json=spec).raise_for_status()

    def state(self) -> dict[str, Any]:
        """What is true at the vendor."""
        return dict(self._control.get("/_sandbox/state").json())

    def nodes(self, kind: int) -> list[dict[str, Any]]:
        """All nodes of a type."""
        return [node for node in self.state()["nodes"].values() if node["type"] == kind]

    def workspace(self, key: tuple[str, str, str] = ACME) -> dict[str, Any]:
        """The one workspace of a business object."""
        (found,) = [node for node in self.nodes(848) if node["business_object"] == list(key)]
        return found

    def received(self) -> list[dict[str, Any]]:
        """The requests in order of arrival."""
        return list(self._control.get("/_sandbox/received").json()["requests"])

    def writes(self) -> list[str]:
        """Method and path of what arrived and was no read and no log-in."""
        asked = [(each["method"], each["path"].partition("/api/")[2]) for each in self.received()]
        return [f"{method} {path}" for method, path in asked if method != "GET" and path not in ("", "v1/auth")]

    def reset(self) -> None:
        """The server as it was in the beginning."""
        self.forgive()
        self._control.post("/_sandbox/account", json={"hidden": [], "read_only": [], "revoked": []}).raise_for_status()
        self._control.delete("/_sandbox/state").raise_for_status()


@contextmanager
def sandbox_ecm(**options: Any) -> Iterator[SandboxEcm]:
    """A sandbox Content Server on a loopback socket, with the workspaces of two accounts."""
    options = {"workspaces": (ACME, OTHER), "seed": 1} | options
    with running(create("ecm", **options)) as url, httpx.Client(base_url=url, trust_env=False) as control:
        yield SandboxEcm(url, control)
