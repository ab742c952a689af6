"""Doors with every vendor's hook, and a client that authenticates as each vendor does."""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.asgi import AsgiClient
from tests.support.ingest import NOW
from workers.ingest.auth import sign

SECRET = "the-secret"
BEARER, BASIC = {"kind": "bearer", "tokens": [SECRET]}, {"kind": "basic", "username": "mra", "passwords": [SECRET]}
HMAC, HEADER = {"kind": "hmac", "secrets": [SECRET]}, {"kind": "header", "name": "X-Secret", "secrets": [SECRET]}

VENDORS: dict[str, Any] = {
    "exstream": {
        "kind": "exstream",
        "auth": HMAC,
        "channels": {"FileOutputChannel": {"channel": "PRINT"}},
        "document_types": {"5f7f2b6e-3f0d-4f8e-8f2f-7b1b6f4d1e22": "welcome_letter"},
    },
    "exstream-delivery": {"kind": "exstream_delivery", "auth": HMAC, "instance": "statements"},
    "marketo": {"kind": "marketo", "auth": HEADER, "instance": "123-ABC-456"},
    "currents": {"kind": "braze_currents", "auth": BEARER, "instance": "retail-eu"},
    "braze": {"kind": "braze_webhook", "auth": HEADER, "instance": "retail-eu", "signals": ["survey", "subscription"]},
    "ecm": {
        "kind": "ecm",
        "auth": HMAC,
        "instance": "cs.example.com",
        "identity_paths": ["attributes.Customer Id"],
        "workspace_types": {"Customer": "onboarding"},
    },
    "notifications": {"kind": "notifications", "auth": BASIC, "instance": "acme"},
}
KEEPING = ("marketo", "currents", "braze", "notifications")
"""Sources whose senders never send again what was refused."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """Posts to each hook as its vendor would."""

    client: AsgiClient

    def post(self, name: str, signal: Any, **headers: str) -> httpx.Response:
        """Post a signal, or bytes as they are; a header may be replaced, or left out by an empty text."""
        body = signal if isinstance(signal, bytes) else json.dumps(signal).encode()
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        sent = {"content-type": "application/json", **credentials(VENDORS[name]["auth"], body), **named}
        return self.client.post(f"/hooks/{name}", body, {key: value for key, value in sent.items() if value})


def credentials(auth: dict[str, Any], body: bytes) -> dict[str, str]:
    """The headers of a way to authenticate."""
    match auth["kind"]:
        case "bearer":
            return {"authorization": f"Bearer {SECRET}"}
        case "basic":
            return {"authorization": "Basic " + b64encode(f"mra:{SECRET}".encode()).decode()}
        case "header":
            return {"x-secret": SECRET}
        case _:
            at = int(NOW.timestamp())
            return {"x-timestamp": str(at), "x-signature": sign(SECRET, at, body)}
