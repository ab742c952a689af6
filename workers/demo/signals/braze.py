"""What Braze sends: Currents (braze.md §3.1) and the webhook of a campaign (§3.2)."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from workers.demo.signals.people import Person

_APP_GROUP = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def delivered(who: Person) -> Mapping[str, Any]:
    """A mail of a campaign that arrived, and was not opened."""
    return _currents("messages.email.Delivery", who, campaign_name="news", esp="SendGrid", from_domain="braze.com")


def unsubscribed(who: Person) -> Mapping[str, Any]:
    """A customer leaves marketing in the preference center."""
    return _currents(
        "behaviors.subscription.GlobalStateChange", who, channel="email", channel_identifier=who.email,
        state_change_source="Preference Center", subscription_status="Unsubscribed",
    )  # fmt: skip


def survey(who: Person, workspace_id: str, **answers: str) -> Mapping[str, Any]:
    """The answer to the feedback campaign, by the template of docs/webhook.md."""
    return {
        "type": "survey_completed",
        "external_user_id": who.id,
        "campaign_id": "0a4f7f5e-8f13-4c0e-9f43-0c6a5c0f3b06",
        "dispatch_id": uuid.uuid4().hex,
        "survey": "satisfaction",
        "workspace_id": workspace_id,
        "answers": answers,
    }


def _currents(event_type: str, who: Person, **properties: Any) -> Mapping[str, Any]:
    event = {
        "event_type": f"users.{event_type}",
        "id": str(uuid.uuid4()),
        "time": int(time.time()),
        "user": {"external_user_id": who.id, "user_id": uuid.uuid4().hex[:24], "timezone": "Europe/Berlin"},
        "properties": {
            "app_group_id": _APP_GROUP,
            "dispatch_id": uuid.uuid4().hex,
            "email_address": who.email,
            **properties,
        },
    }
    return {"events": [event]}
