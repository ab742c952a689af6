"""Payloads of the vendors' pages, as their systems send them; values are the pages' own placeholders."""

import json
from typing import Any

_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
_USER = {
    "device_id": "device_id",
    "external_user_id": "external_user_id",
    "timezone": "America/New_York",
    "user_id": "639a35d192b0df004d06514c",
}
_COMMON: dict[str, Any] = {
    "app_group_id": _ID,
    "campaign_id": _ID,
    "campaign_name": "campaign_name",
    "canvas_id": _ID,
    "canvas_name": "canvas_name",
    "canvas_step_id": _ID,
    "canvas_step_name": "canvas_step_name",
    "canvas_variation_id": _ID,
    "canvas_variation_name": "canvas_variation_name",
    "message_variation_id": _ID,
    "message_variation_name": "message_variation_name",
    "send_id": "send_id",
}
_MAIL = {"dispatch_id": "639a35d192b0df004d06514c", "email_address": "example@braze.com", "ip_pool": "ip_pool"}
_OPEN = {
    "browser": "Chrome Mobile iOS",
    "device_class": "desktop",
    "device_model": "device_model",
    "device_os": "Android",
    "esp": "SendGrid",
    "from_domain": "braze.com",
    "is_amp": True,
    "mailbox_provider": "mailbox_provider",
    "user_agent": "Mozilla/5.0",
}


def currents(event_type: str, properties: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """One event of Currents, as braze.md §3.1 shows it."""
    event = {"event_type": event_type, "id": _ID, "time": 2033802504, "user": _USER, "properties": properties}
    return {**event, **envelope}


OPEN = currents("users.messages.email.Open", {**_COMMON, **_MAIL, **_OPEN, "machine_open": "true"})
CLICK = currents(
    "users.messages.email.Click",
    {
        **_COMMON,
        **_MAIL,
        **_OPEN,
        "is_suspected_bot_click": True,
        "link_alias": "link_alias",
        "link_id": "link_id",
        "suspected_bot_click_reason": ["suspected_bot_click_reason"],
        "url": "url",
    },
)
BOUNCE = currents(
    "users.messages.email.Bounce",
    {**_COMMON, **_MAIL, "bounce_reason": "bounce_reason", "esp": "SendGrid", "is_drop": True, "sending_ip": "1.2.3.4"},
)
UNSUBSCRIBE = currents("users.messages.email.Unsubscribe", {**_COMMON, **_MAIL})
_STATE = {
    "app_id": _ID,
    "channel": "email",
    "channel_identifier": "example@braze.com",
    "email_address": "example@braze.com",
    "state_change_source": "REST API",
    "subscription_status": "Subscribed",
}
GROUP_CHANGE = currents(
    "users.behaviors.subscriptiongroup.StateChange",
    {
        **_COMMON,
        **_STATE,
        "dispatch_id": "639a35d192b0df004d06514c",
        "phone_number": "+1234567890",
        "subscription_group_id": _ID,
    },
)
GLOBAL_CHANGE = currents("users.behaviors.subscription.GlobalStateChange", {**_COMMON, **_STATE})
WEBHOOK_FAILURE = currents(
    "users.messages.webhook.Failure",
    {
        **_COMMON,
        "content_length": 1,
        "dispatch_id": "639a35d192b0df004d06514c",
        "endpoint_url": "endpoint_url",
        "host": "host",
        "http_status_code": 1,
        "is_terminal": True,
        "raw_response": "raw_response",
        "retry_count": 1,
        "url_path": "url_path",
        "webhook_duration": 1,
        "webhook_failure_source": "webhook_failure_source",
    },
    user={"external_user_id": "external_user_id", "user_id": "639a35d192b0df004d06514c"},
)
CUSTOM_EVENT = currents(
    "users.behaviors.CustomEvent",
    {
        "ad_id": _ID,
        "ad_id_type": "ios_idfa",
        "ad_tracking_enabled": True,
        "app_group_id": _ID,
        "app_id": _ID,
        "custom_properties": {"listProperty": ["a"], "numberProperty": 1, "stringProperty": "properties"},
        "device_model": "device_model",
        "name": "name",
        "os_version": "17.6.1",
        "platform": "android",
    },
)
CURRENTS = (OPEN, CLICK, BOUNCE, UNSUBSCRIBE, GROUP_CHANGE, GLOBAL_CHANGE, WEBHOOK_FAILURE, CUSTOM_EVENT)

BRAZE_SURVEY: dict[str, Any] = {
    "schema": "braze.webhook.v1",
    "dispatch_id": "14497aa4b013bf150881547fb3076fd6",
    "user_id": "639a35d192b0df004d06514c",
    "external_user_id": "C-104711",
    "campaign_id": _ID,
    "message_variation_id": _ID,
    "canvas_id": "",
    "email": "ada@example.com",
    "at": "2026-03-05T18:44:10Z",
    "type": "survey_completed",
    "survey": "case-feedback",
    "workspace_id": "36780",
    "answer_satisfaction": "4",
    "answer_comment": "Quick answer",
}
"""The template of braze.md §3.2, with a survey's fields from docs/webhook.md."""
BRAZE_PREFERENCE: dict[str, Any] = {
    **{name: BRAZE_SURVEY[name] for name in ("schema", "dispatch_id", "user_id", "external_user_id", "campaign_id")},
    "type": "preference_changed",
    "kind": "consent",
    "channel": "email",
    "purpose": "marketing",
    "state": "opted_out",
}

MARKETO: dict[str, Any] = {
    "leadId": 318592,
    "customerId": "C-104711",
    "email": "ada@example.com",
    "campaignId": 1043,
    "program": "Spring offers",
    "triggerName": "Fills out form",
    "at": "2026-11-20T10:00:19Z",
    "schema": "mkto.v1",
    "type": "form_submitted",
    "form": "quote-request",
}
"""The template of marketo.md §2.13, with a form's fields from docs/webhook.md."""

ECM: dict[str, Any] = {
    "event_id": "e-4711",
    "event_type": "document.status_changed",
    "occurred_at": "2026-01-31T10:00:00Z",
    "node": {"id": 4711, "type": 144, "name": "Agreement.pdf", "version": 3},
    "workspace": {"id": 36780, "type": "Customer", "ext_system_id": "SF", "bo_type": "Account", "bo_id": "0015x"},
    "actor": {"id": 7240, "login": "jdoe"},
    "attributes": {"Status": "Approved"},
    "previous": {"Status": "In Review"},
    "links": {"web": "https://ecm.example/app/nodes/4711"},
}

STATUS: dict[str, Any] = {
    "job_id": "xsi2-44417320",
    "billing_code_base64": "U1VNTUVSLVBST01P",
    "customer_reference_base64": "ZXZ0OjlmMmMgYmF0Y2g6NDcxMTpmYWlsZWQ=",  # evt:9f2c batch:4711:failed
    "entry_time": "2023-08-21T09:25:26.000Z",
    "job_state": ["Complete", "Posted"],
    "html_open_tracking": {"total_open_count": 1, "distinct_open_count": 1},
    "attachments": [{"attachment_id": -1, "name_base64": "b3Blbi5naWY=", "size": 1, "flags": ["open", "embedded"]}],
    "deliveries": [
        {
            "ref_base64": "dTo3MjQw",  # u:7240
            "email": "jane@acme.example",
            "delivery_attempts": [{"state": "Sent", "gamma_code": 0, "first_attempt": "2023-08-21T10:25:26.000Z"}],
            "events": {"email_delivery_events": {"dsn": {}, "html_open": [{}], "opt_out": {}, "pull": [{}]}},
        }
    ],
}
ACKNOWLEDGEMENT: dict[str, Any] = {
    "event_id": "a-1",
    "notification_id": "n-1",
    "externalId": "9f2c",
    "action": "acknowledged",
    "actor": "jdoe",
    "at": "2026-03-02T06:52:00Z",
    "comment": "on it",
    "dedupe_key": "batch:4711:failed",
}

BATCH: dict[str, Any] = {
    "event_id": "b-1",
    "event_type": "exstream.batch.completed",
    "occurred_at": "2026-03-02T06:41:00Z",
    "source": {"tenant": "t", "domain": "statements.example.com", "base": "https://exstream.example"},
    "batch": {
        "job_id": "job-7",
        "flow_instance_ids": ["f-1"],
        "external_id": None,
        "doc_type": "Statement",
        "volume": 120345,
        "channel": "email",
        "status": "complete",
        "errors": 12,
    },
    "communication": {"id": "c-1", "name": "Statement", "version": "3", "state": "APPROVED"},
    "recipient": {"customer_id": "C-104711", "email": "ada@example.com"},
    "delivery": {"channel": "email", "status": "failed", "reason": "NDLV", "next_action": "reprint"},
    "document": {"mime": "application/pdf", "ref": "doc-1", "sha256": "0"},
    "raw": {},
}


def like(signal: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy with other values at its top; Ellipsis leaves a name out."""
    changed = {**json.loads(json.dumps(signal)), **changes}
    return {name: value for name, value in changed.items() if value is not ...}
