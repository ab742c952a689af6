"""What Extended ECM and Braze send in family B's flows, in the shapes of their vendor pages."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_numbers = itertools.count(1)


def ecm(
    event_type: str,
    customer: str,
    workspace: str,
    kind: str = "Customer",
    attributes: Mapping[str, Any] | None = None,
    previous: Mapping[str, Any] | None = None,
    node: str | None = None,
    at: datetime | None = None,
    login: str = "jdoe",
) -> dict[str, Any]:
    """What a site's Extended ECM posts (ecm.md §13); `previous` is what its bot knows of before."""
    return {
        "event_id": f"e-{next(_numbers)}",
        "event_type": event_type,
        "occurred_at": (at or datetime.now(UTC)).isoformat(),
        "node": {"id": node or workspace, "type": 144 if node else 848, "version": 1},
        "workspace": {
            "id": workspace, "name": f"{kind} of {customer}", "type": kind, "ext_system_id": "SF",
            "bo_type": "Account", "bo_id": customer,
        },
        "actor": {"id": 7240, "login": login},
        "attributes": {"Customer Id": customer, **(attributes or {})},
        "previous": previous or {},
        "links": {"web": f"https://ecm.example/app/nodes/{node or workspace}"},
    }  # fmt: skip


def document(
    event_type: str, customer: str, workspace: str, kind: str, document_type: str, status: str
) -> dict[str, Any]:
    """The same of a document of a type."""
    attributes = {"Document Type": document_type, "Status": status}
    node = str(40_000 + next(_numbers))
    return ecm(event_type, customer, workspace, kind, attributes, node=node)


def currents(event_type: str, customer: str, **properties: Any) -> dict[str, Any]:
    """One request of Braze's Currents with one event (braze.md §3.1)."""
    event = {
        "event_type": f"users.{event_type}",
        "id": f"f47ac10b-58cc-4372-a567-{next(_numbers):012}",
        "time": int(datetime.now(UTC).timestamp()),
        "user": {"external_user_id": customer, "user_id": "639a35d192b0df004d06514c", "timezone": "America/New_York"},
        "properties": {"app_group_id": "f47ac10b-58cc-4372-a567-0e02b2c3d479", **properties},
    }
    return {"events": [event]}


def delivery(customer: str) -> dict[str, Any]:
    """An e-mail that was delivered."""
    return currents(
        "messages.email.Delivery", customer, dispatch_id=f"d-{next(_numbers)}", campaign_name="news",
        email_address=f"{customer.lower()}@example.com", esp="SendGrid", from_domain="braze.com",
        ip_pool="ip_pool", sending_ip="192.0.2.1",
    )  # fmt: skip


def opening(customer: str) -> dict[str, Any]:
    """An e-mail that somebody opened, by hand."""
    return currents(
        "messages.email.Open", customer, dispatch_id=f"d-{next(_numbers)}", campaign_name="news",
        email_address=f"{customer.lower()}@example.com", device_class="desktop", is_amp=False, user_agent="Mozilla/5.0",
    )  # fmt: skip


def state_change(customer: str, status: str, by: str = "Preference Center") -> dict[str, Any]:
    """A global subscription that the customer changed in the preference center, or somebody else elsewhere."""
    address = f"{customer.lower()}@example.com"
    return currents(
        "behaviors.subscription.GlobalStateChange", customer, channel="email", channel_identifier=address,
        email_address=address, state_change_source=by, subscription_status=status,
    )  # fmt: skip


def bounce(customer: str) -> dict[str, Any]:
    """A hard bounce: nothing may be sent to this address any more."""
    return currents(
        "messages.email.Bounce", customer, dispatch_id=f"d-{next(_numbers)}", bounce_reason="550 no such user",
        email_address=f"{customer.lower()}@example.com", esp="SendGrid", is_drop=False,
    )  # fmt: skip


def survey(customer: str, workspace: str | None, **answers: str) -> dict[str, Any]:
    """The webhook of the feedback campaign (braze.md §3.2), by the template of docs/webhook.md."""
    return {
        "type": "survey_completed",
        "external_user_id": customer,
        "campaign_id": "0a4f7f5e-8f13-4c0e-9f43-0c6a5c0f3b06",
        "dispatch_id": f"d-{next(_numbers)}",
        "survey": "satisfaction",
        "workspace_id": workspace or "",
        "answers": answers,
    }
