"""What the platform and an alert system send to us: status pushes and acknowledgements (page §5, §7.3)."""

import hashlib
import hmac
import json
import random
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field


class PushSpec(BaseModel):
    """POST /_sandbox/push: the status of these jobs (of all without any), so often, in order or not."""

    model_config = ConfigDict(extra="forbid")

    url: str
    job_ids: list[str] | None = None
    copies: int = Field(1, ge=1, le=10)
    shuffle: bool = False
    tries: int = Field(3, ge=1, le=10)
    headers: dict[str, str] = Field(default_factory=dict)


class AcknowledgeSpec(BaseModel):
    """POST /_sandbox/acknowledge: somebody dealt with an alert there."""

    model_config = ConfigDict(extra="forbid")

    url: str
    secret: str
    timestamp: int
    body: dict[str, Any]


async def push(spec: PushSpec, statuses: Sequence[dict[str, Any]], rng: random.Random) -> list[list[int]]:
    """Post each status, again while it is not answered 2xx; the statuses that came back, 0 for none."""
    sent = [status for status in statuses for _ in range(spec.copies)]
    if spec.shuffle:
        rng.shuffle(sent)
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        return [await _pushed(http, spec, json.dumps(status).encode()) for status in sent]


async def acknowledge(spec: AcknowledgeSpec) -> int:
    """Post one acknowledgement, signed as §7.3 says; the status that came back."""
    body = json.dumps(spec.body).encode()
    digest = hmac.new(spec.secret.encode(), f"{spec.timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    signature = {"x-timestamp": str(spec.timestamp), "x-signature": f"sha256={digest}"}
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        return (await http.post(spec.url, content=body, headers=_JSON | signature)).status_code


async def _pushed(http: httpx.AsyncClient, spec: PushSpec, body: bytes) -> list[int]:
    answers: list[int] = []
    for _ in range(spec.tries):
        try:
            answers.append((await http.post(spec.url, content=body, headers=_JSON | spec.headers)).status_code)
        except httpx.TransportError:
            answers.append(0)
        if 200 <= answers[-1] < 300:
            break
    return answers


_JSON = {"content-type": "application/json"}
