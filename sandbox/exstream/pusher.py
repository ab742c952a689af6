"""What Exstream's integration service posts (page §6.1): the two shapes of CXI event JSON."""

import json
import random
import uuid
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field


class PushSpec(BaseModel):
    """POST /_sandbox/push: an event of each type about one communication; `user` is what the manifest carries."""

    model_config = ConfigDict(extra="forbid")

    url: str
    types: list[str] = Field(default_factory=lambda: ["Exstream-Generated", "Exstream-Email-Submit"])
    communication_id: str
    user: dict[str, str] = Field(default_factory=dict)
    tenant: str = "4f2f0f1e-0000-4000-8000-000000000001"
    domain: str = "Dev"
    shape: Literal["email", "file", "by_type"] = "by_type"
    copies: int = Field(1, ge=1, le=10)
    shuffle: bool = False
    tries: int = Field(3, ge=1, le=10)
    headers: dict[str, str] = Field(default_factory=dict)


def event(spec: PushSpec, kind: str, at: float) -> dict[str, Any]:
    """One event: the e-mail shape has no eventId, the file shape has one (§6.1)."""
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    heading = {"schemaVersion": "1.0", "schemaType": kind, "schemaSource": "Sandbox", "tenant": spec.tenant}
    about = {
        "campaignId": "Sandbox",
        "communicationId": spec.communication_id,
        "domain": spec.domain,
        "creationTime": time,
    }
    is_email = spec.shape == "email" or (spec.shape == "by_type" and kind.startswith("Exstream-Email-"))
    if is_email:
        statistics = {
            **about,
            "emailProvider": "OpenText Notifications",
            "customerEmailId": spec.user.get("CustomerEmail", "j@example.com"),
            "eventType": kind.removeprefix("Exstream-Email-"),
        }
        return {"expctr": heading, "user": spec.user, "exstreamEmailStatistics": statistics}
    job = {**about, "contentType": "application/pdf", "status": "failed" if kind.endswith("-Failed") else "success"}
    return {
        "expctr": {**heading, "eventId": str(uuid.uuid4()), "eventDate": time},
        "exstreamJob": job,
        "user": spec.user,
    }


async def push(spec: PushSpec, at: float, rng: random.Random) -> list[list[int]]:
    """Post each event, again while it is not answered 2xx; the statuses that came back, 0 for none."""
    events = [each for kind in spec.types for each in [event(spec, kind, at)] * spec.copies]
    if spec.shuffle:
        rng.shuffle(events)
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        return [await _pushed(http, spec, json.dumps(each).encode()) for each in events]


async def _pushed(http: httpx.AsyncClient, spec: PushSpec, body: bytes) -> list[int]:
    answers: list[int] = []
    headers = {"content-type": "application/json"} | spec.headers
    for _ in range(spec.tries):
        try:
            answers.append((await http.post(spec.url, content=body, headers=headers)).status_code)
        except httpx.TransportError:
            answers.append(0)
        if 200 <= answers[-1] < 300:
            break
    return answers
