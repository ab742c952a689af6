"""Signals as their senders post them: each source's own way to prove who it is."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from workers.demo.site.doors import SOURCES
from workers.ingest.auth import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign


def post(http: httpx.Client, door: str, source: str, signal: Any, topic: str = "") -> httpx.Response:
    """Post one signal, or a list of them, to a source's hook; with `topic`, a canonical event of that source.

    `door` is the webhook's base URL. Raises HTTPStatusError when it is refused.
    """
    path, body, headers = request(source, signal, topic)
    return http.post(f"{door}{path}", content=body, headers=headers).raise_for_status()


def request(source: str, signal: Any, topic: str = "") -> tuple[str, bytes, dict[str, str]]:
    """Path, body and headers of such a POST."""
    body = json.dumps(signal).encode()
    path = f"/v1/events/{topic}" if topic else f"/hooks/{source}"
    return path, body, {"content-type": "application/json", **credentials(SOURCES[source]["auth"], body)}


def credentials(auth: Mapping[str, Any], body: bytes) -> dict[str, str]:
    """The headers of a way to authenticate, computed now."""
    match auth["kind"]:
        case "hmac":
            at = int(time.time())
            return {TIMESTAMP_HEADER: str(at), SIGNATURE_HEADER: sign(auth["secrets"][0], at, body)}
        case "bearer":
            return {"authorization": f"Bearer {auth['tokens'][0]}"}
        case "basic":
            pair = f"{auth['username']}:{auth['passwords'][0]}".encode()
            return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case _:
            return {auth["name"]: auth["secrets"][0]}
