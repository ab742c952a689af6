"""Braze in the suite."""

from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.braze.options import DEFAULT_KEY, PERMISSIONS
from tests.contract.vendors.adapter import EVERY, Adapter
from tests.contract.vendors.cases import Case, GoesOn, Told
from tests.support import braze_sink
from tests.support.braze import NEWS, ONBOARDING, RECEIPT, RETENTION, config, of
from workers.sinks.api import Item, Sink
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.sink import BrazeSink

_TRACK = {"path": "/users/track"}
_ONE_CALL = "every recipient is taken or none: the page knows no error that names one of them (§2.4, §2.8)."
_SHORT = "an address and a state: there is nothing in it that could grow."


class BrazeAdapter(Adapter):
    """A workspace with a campaign, a Canvas, a transactional campaign and a subscription group."""

    name = "braze"
    secret: ClassVar[tuple[str, ...]] = ("api_key",)
    goes_on: ClassVar[Mapping[str, GoesOn]] = {
        "track_event": GoesOn.IN_DOUBT,
        "update_attributes": GoesOn.AGAIN,
        "record_purchase": GoesOn.IN_DOUBT,
        "trigger_campaign": GoesOn.IN_DOUBT,
        "trigger_canvas": GoesOn.IN_DOUBT,
        "send_transactional": GoesOn.AGAIN,
        "set_subscription": GoesOn.AGAIN,
        "update_email_status": GoesOn.AGAIN,
    }
    requests: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "track_event": _TRACK,
        "update_attributes": _TRACK,
        "record_purchase": _TRACK,
        "trigger_campaign": {"path": "/campaigns/trigger/send"},
        "trigger_canvas": {"path": "/canvas/trigger/send"},
        "send_transactional": {"path": "/transactional/"},
        "set_subscription": {"path": "/v2/subscription/status/set"},
        "update_email_status": {"path": "/email/status"},
    }
    cannot: ClassVar[Mapping[tuple[str, Case], str]] = {
        (EVERY, Case.QUOTA_GONE): "Braze has windows of seconds to an hour and no quota beside them (§4).",
        (EVERY, Case.CREDENTIALS_EXPIRED): "an API key has no end: it is good until somebody revokes it (§1.2).",
        ("trigger_campaign", Case.ROW_REFUSED): _ONE_CALL,
        ("trigger_canvas", Case.ROW_REFUSED): _ONE_CALL,
        ("set_subscription", Case.ROW_REFUSED): _ONE_CALL,
        ("update_email_status", Case.ROW_REFUSED): _ONE_CALL,
        ("send_transactional", Case.ROW_REFUSED): "a request is one message (§2.7).",
        ("set_subscription", Case.OVERSIZED): _SHORT,
        ("update_email_status", Case.OVERSIZED): _SHORT,
    }
    differs: ClassVar[Mapping[tuple[str, Case], Told]] = {
        (EVERY, Case.REQUEST_REFUSED): Told("refused refused", "rejected refused", sent=1, done=0),
    }
    scripts: ClassVar[Mapping[tuple[str, Case], Mapping[str, Any]]] = {
        (EVERY, Case.REQUEST_REFUSED): {"status": 400, "body": {"message": "Bad Request"}},
    }

    def made_options(self) -> dict[str, Any]:
        """All that exists has a name, and one key is known."""
        return {
            "keys": {DEFAULT_KEY: PERMISSIONS},
            "campaigns": {ONBOARDING: "Onboarding"},
            "canvases": {RETENTION: "Retention"},
            "transactional_campaigns": {RECEIPT: "Receipt"},
            "groups": {NEWS: "News"},
            "blocked_users": frozenset({"u2"}),
        }

    def config(self, read_s: float = 10) -> BrazeConfig:
        """Two writes about one address need no distance here."""
        return config(self.url, read_timeout_s=read_s, connect_timeout_s=5, consent_spacing_s=0)

    def item(self, sink: Sink, action: str, number: int = 1, **other: Any) -> Item:
        """About the user of this number."""
        assert isinstance(sink, BrazeSink)
        return braze_sink.item(sink, action, of(f"u{number}", f"e-{number}"), **other)

    def bad_row(self, sink: Sink, action: str) -> Item:
        """About a user that Braze blocks (§2.1)."""
        return self.item(sink, action, 2)

    def oversized(self, action: str) -> dict[str, Any]:
        """More text than an object may hold."""
        much = {f"field{n}": "x" * 2_000 for n in range(60)}
        match action:
            case "update_attributes":
                return {"attributes": {"plan": "x" * 300}}
            case "track_event" | "record_purchase":
                return {"properties": much}
            case _:
                return {"attributes": {"email": "u1@example.com", "plan": "x" * 300}}

    def done(self, action: str, number: int = 1) -> int:
        """Events and purchases of the user, sends to it, or what is kept of it."""
        state = self.state()
        user = state["users"].get(f"u{number}", {})
        match action:
            case "track_event" | "record_purchase":
                return len(user.get("events" if action == "track_event" else "purchases", ()))
            case "update_attributes":
                return int(user.get("attributes", {}).get("plan") == "gold")
            case "set_subscription" | "update_email_status":
                return len([kept for kept in state["kept_states"] if kept["address"] == f"u{number}@example.com"])
            case _:
                return len([sent for sent in state["triggers"] if sent["user"] == f"u{number}"])

    def revoke(self) -> None:
        """The key is no key."""
        self.options["keys"].clear()

    def rotate(self, secret: str) -> None:
        """Another key."""
        self.options["keys"].clear()
        self.options["keys"][secret] = PERMISSIONS

    def restore(self) -> None:
        """The key is one again."""
        self.options["keys"].clear()
        self.options["keys"][DEFAULT_KEY] = PERMISSIONS
