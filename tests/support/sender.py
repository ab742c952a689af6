"""A client of the webhook that authenticates as the sources of the tests do."""

import json
from typing import Any

import httpx

from tests.support.asgi import AsgiClient
from tests.support.ingest import NOW, SECRET, TOKEN
from workers.ingest.auth import sign

WORKSPACE = "comms.workspace.v1"
HOOK, EVENTS = "/hooks/letters", f"/v1/events/{WORKSPACE}"
CREATED: dict[str, Any] = {
    "type": "CREATED",
    "occurred_at": "2026-03-04T11:59:00Z",
    "customer": {"customer_id": "C-1"},
    "workspace_id": "W-1",
}


class Sender:
    """A client of the door that signs as the sources of these tests do."""

    def __init__(self, client: AsgiClient) -> None:
        self.client = client

    def signal(self, signal: Any, **headers: str) -> httpx.Response:
        """Post to Exstream's hook, signed."""
        body = signal if isinstance(signal, bytes) else json.dumps(signal).encode()
        signature = {"x-timestamp": str(int(NOW.timestamp())), "x-signature": sign(SECRET, int(NOW.timestamp()), body)}
        return self.post(HOOK, body, **{**signature, **headers})

    def event(self, event: Any, topic: str = WORKSPACE, **headers: str) -> httpx.Response:
        """Post one of our own events, with the token."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.post(f"/v1/events/{topic}", body, **{"authorization": f"Bearer {TOKEN}", **headers})

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        """Post as JSON; header names may be written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=body, headers={"content-type": "application/json", **named})
