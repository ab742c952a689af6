"""The sinks' sections: the accounts at the sandboxes, and a pace at which a demo can be watched."""

from collections.abc import Mapping
from typing import Any

from workers.demo.site import secrets

_QUICK: Mapping[str, Any] = {
    "start_from": "beginning",
    "settle_after_s": 1,
    "base_backoff_s": 0.2,
    "max_backoff_s": 1,
    "linger_s": 0.02,
    "commit_interval_s": 0.1,
}
_MARKETO: Mapping[str, Any] = {"requests_per_20_s": 100, "consent_share": 0.5, "linger_s": 0.2}
"""Requests are scarce there: what comes within a moment goes in one, and everybody moves in on the same day."""

EXSTREAM_DOMAIN, MUNCHKIN_ID, BRAZE_INSTANCE = "Dev", "123-ABC-456", "retail-eu"


def sinks(sandboxes: Mapping[str, str]) -> dict[str, Any]:
    """Every sink; `sandboxes` are the vendors' base URLs."""
    return {
        "braze": {**_QUICK, "base_url": sandboxes["braze"], "api_key": secrets.BRAZE_KEY, "consent_spacing_s": 0.2},
        "ecm": {**_QUICK, **_ecm(sandboxes["ecm"])},
        "exstream": {**_QUICK, "requests_per_second": 100, "api": exstream_account(sandboxes["exstream"])},
        "marketo": {**_QUICK, **marketo_account(sandboxes["marketo"]), **_MARKETO},
        "notifications": {**_QUICK, **_notifications(sandboxes["notifications"])},
    }


def exstream_account(url: str) -> dict[str, Any]:
    """Our client in the domain."""
    return {
        "base_url": url,
        "domain": EXSTREAM_DOMAIN,
        "token_url": f"{url}/tenants/{secrets.TENANT}/oauth2/token",
        "client_id": secrets.CLIENT,
        "client_secret": secrets.CLIENT_SECRET,
    }


def marketo_account(url: str) -> dict[str, Any]:
    """Our service in the subscription."""
    return {
        "base_url": url,
        "client_id": secrets.CLIENT,
        "client_secret": secrets.CLIENT_SECRET,
        "munchkin_id": MUNCHKIN_ID,
        "customer_id_field": "customerNumber",
    }


def _ecm(url: str) -> dict[str, Any]:
    return {
        "base_url": f"{url}/otcs/cs",
        "username": secrets.ECM_USER,
        "password": secrets.ECM_PASSWORD,
        "requests_per_minute": 6000,
    }


def _notifications(url: str) -> dict[str, Any]:
    account = {
        "base_url": url,
        "username": secrets.MESSAGING_USER,
        "password": secrets.MESSAGING_PASSWORD,
        "message_prefix": "town-demo",
    }
    alerts = {"url": f"{url}/api/v1/notifications", "signing_secret": secrets.ALERTS}
    return {"messaging": account, "http_alert": alerts, "requests_per_second": 100, "per_hour": 10_000}
