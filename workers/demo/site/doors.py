"""The ways in: a hook for each vendor, the door for canonical events, and the pollers."""

from collections.abc import Mapping
from typing import Any

from workers.demo.site import secrets
from workers.demo.site.sinks import BRAZE_INSTANCE, MUNCHKIN_ID, exstream_account, marketo_account

_SIGNED = {"kind": "hmac", "secrets": [secrets.SIGNING]}
_BEARER = {"kind": "bearer", "tokens": [secrets.TOKEN]}
_HEADER = {"kind": "header", "name": "X-Secret", "secrets": [secrets.TOKEN]}
_BASIC = {"kind": "basic", "username": "sender", "passwords": [secrets.TOKEN]}
_ECM_INSTANCE, _ALERTS_INSTANCE = "cs.example.com", "acme"

SOURCES: Mapping[str, Any] = {
    "exstream": {"kind": "exstream", "auth": _SIGNED, "instance": "letters"},
    "exstream-delivery": {
        "kind": "exstream_delivery",
        "auth": _SIGNED,
        "instance": "statements",
        "signals": ["document_status", "email_status", "batch_status", "content_status"],
    },
    "marketo": {
        "kind": "marketo",
        "auth": _HEADER,
        "instance": MUNCHKIN_ID,
        "signals": ["form", "campaign_response"],
    },
    "currents": {"kind": "braze_currents", "auth": _BEARER, "instance": BRAZE_INSTANCE},
    "braze": {
        "kind": "braze_webhook",
        "auth": _HEADER,
        "instance": BRAZE_INSTANCE,
        "signals": ["survey", "campaign_response", "form"],
    },
    "ecm": {
        "kind": "ecm",
        "auth": _SIGNED,
        "instance": _ECM_INSTANCE,
        "identity_paths": ["attributes.Customer Id"],
    },
    "notifications": {"kind": "notifications", "auth": _BASIC, "instance": _ALERTS_INSTANCE},
    "upstream": {"kind": "canonical", "auth": _BEARER},
}
"""Who may send, by the name in `/hooks/{source}`; `upstream` posts to `/v1/events/{topic}`."""


def pollers(sandboxes: Mapping[str, str]) -> dict[str, Any]:
    """What is asked of the vendors; each signal comes one way only."""
    quick = {"interval_s": 1, "remembered_ids": 5000, "read_timeout_s": 10}
    polled = [
        "email_engagement", "unsubscribe", "subscription", "score", "profile", "page", "survey",
    ]  # fmt: skip
    return {
        "braze": {
            **quick,
            "base_url": sandboxes["braze"],
            "api_key": secrets.BRAZE_KEY,
            "instance": BRAZE_INSTANCE,
            "signals": ["content_status"],
            "assets_every_s": 60,
            "requests_per_minute": 4000,
        },
        "exstream": {**quick, **exstream_account(sandboxes["exstream"]), "requests_per_20_s": 400},
        "marketo": {**quick, **marketo_account(sandboxes["marketo"]), "signals": polled, "requests_per_20_s": 100},
    }
