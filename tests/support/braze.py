"""Events, settings and a sandbox for tests of the Braze sink."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from common.clock import Clock, SystemClock
from common.event import Event
from sandbox.app import create, running
from sandbox.braze.options import DEFAULT_KEY
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.sink import BrazeSink

ONBOARDING = "11111111-2222-3333-4444-555555555555"
RENEWAL = "66666666-7777-8888-9999-000000000000"
RETENTION = "aaaaaaaa-2222-3333-4444-555555555555"
RECEIPT = "417220e4-5a2a-b634-7f7d-9ec891532368"
NEWS, SMS = "bbbbbbbb-2222-3333-4444-555555555555", "cccccccc-2222-3333-4444-555555555555"
OCCURRED = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)


def event(customer: dict[str, Any] | None = None, *, event_id: str = "e-1") -> Event:
    """An event of customer u1, or of another one, or (`{}`) of nobody."""
    who = {"customer_id": "u1", "resolved": True} if customer is None else customer or None
    value = {"event_id": event_id, "occurred_at": OCCURRED, "customer": who}
    return Event("comms.workspace.v1", b"u1", value)


def of(customer_id: str, event_id: str = "e-1") -> Event:
    """An event of a customer that is resolved."""
    return event({"customer_id": customer_id, "resolved": True}, event_id=event_id)


def config(base_url: str = "https://rest.example.com", **more: Any) -> BrazeConfig:
    """Settings with two campaigns, a Canvas, a transactional campaign and two subscription groups."""
    settings: dict[str, Any] = {
        "campaigns": {"onboarding": ONBOARDING, "renewal": RENEWAL},
        "canvases": {"retention": RETENTION},
        "transactional_campaigns": {"receipt": RECEIPT},
        "subscription_groups": {"news": NEWS, "sms": SMS},
        "api_key": SecretStr(DEFAULT_KEY),
    }
    return BrazeConfig(base_url=base_url, **(settings | more))


def sink_at(url: str, clock: Clock | None = None, **more: Any) -> BrazeSink:
    """A sink that talks to whoever listens there; a busy machine may take its time to answer."""
    quick = {"read_timeout_s": 10.0, "connect_timeout_s": 5.0}
    return BrazeSink.connect(config(url, **(quick | more)), clock or SystemClock())


class SandboxBraze:
    """A served sandbox: where it is, and its control endpoint."""

    def __init__(self, url: str, control: httpx.Client) -> None:
        self.url, self._control = url, control

    def sink(self, clock: Clock | None = None, **more: Any) -> BrazeSink:
        """A sink that talks to it."""
        return sink_at(self.url, clock, **more)

    def fault(self, **spec: Any) -> None:
        """Script a fault."""
        self._control.post("/_sandbox/faults", json=spec).raise_for_status()

    def forgive(self) -> None:
        """Take every fault back."""
        self._control.delete("/_sandbox/faults").raise_for_status()

    def clear(self) -> None:
        """An empty workspace without faults."""
        self.forgive()
        self._control.delete("/_sandbox/state").raise_for_status()

    def quota(self, endpoint: str, limit: int, window_s: float) -> None:
        """Set a rate limit."""
        quotas = {endpoint: {"limit": limit, "window_s": window_s}}
        self._control.post("/_sandbox/quotas", json=quotas).raise_for_status()

    def put(self, **rows: Any) -> None:
        """What its lists show from now on (`sandbox.braze.shelf.Rows`)."""
        self._control.post("/_sandbox/rows", json=rows).raise_for_status()

    def set_clock(self, **spec: Any) -> None:
        """Set or move its clock."""
        self._control.post("/_sandbox/clock", json=spec).raise_for_status()

    def state(self) -> dict[str, Any]:
        """What is true in the workspace."""
        return dict(self._control.get("/_sandbox/state").json())

    def user(self, key: str) -> dict[str, Any]:
        """One profile."""
        return dict(self.state()["users"][key])

    def received(self, **query: str) -> dict[str, Any]:
        """What arrived."""
        return dict(self._control.get("/_sandbox/received", params=query).json())

    def bodies(self) -> list[Any]:
        """The bodies of the requests, in order of arrival."""
        return [request["body"] for request in self.received()["requests"]]


@contextmanager
def sandbox_braze(**options: Any) -> Iterator[SandboxBraze]:
    """A sandbox Braze on a loopback socket."""
    known: dict[str, Any] = {
        "campaigns": {ONBOARDING: "Onboarding", RENEWAL: "Renewal"},
        "canvases": {RETENTION: "Retention"},
        "transactional_campaigns": {RECEIPT: "Receipt"},
        "groups": {NEWS: "News", SMS: "Text messages"},
        "seed": 1,
    }
    options = known | options
    with running(create("braze", **options)) as url, httpx.Client(base_url=url, trust_env=False) as control:
        yield SandboxBraze(url, control)
