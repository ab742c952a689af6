"""Settings of the Braze sink. Page sections are those of the Braze vendor page."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from workers.sinks.config import SinkConfig
from workers.vendors.braze.account import BrazeAccount

_API_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _api_id(value: str) -> str:
    if not _API_ID.fullmatch(value):
        raise ValueError("is not an API identifier (a UUID, from the page of the campaign, Canvas or group in Braze)")
    return value


ApiIds = dict[str, Annotated[str, AfterValidator(_api_id)]]


class BrazeConfig(SinkConfig, BrazeAccount):
    """One workspace of Braze: where it is, our key, and how much a request carries."""

    campaigns: ApiIds = Field(
        default_factory=dict, description="Campaigns that flows may trigger: our name -> API identifier."
    )
    canvases: ApiIds = Field(
        default_factory=dict, description="Canvases that flows may trigger: our name -> API identifier."
    )
    transactional_campaigns: ApiIds = Field(
        default_factory=dict, description="Transactional campaigns that flows may send: our name -> API identifier."
    )
    subscription_groups: ApiIds = Field(
        default_factory=dict, description="Subscription groups that flows may write: our name -> API identifier."
    )
    max_objects: int = Field(
        75, ge=1, le=75, description="Objects in one /users/track request; 75 by the contract (§2.1)."
    )
    max_recipients: int = Field(
        50, ge=1, le=50, description="Recipients of one trigger, and users of one consent write (§2.4, §2.5, §2.8)."
    )
    max_object_bytes: int = Field(
        102_400, ge=1024, le=102_400, description="Bytes of one object; a larger one is a dead letter (§2.1)."
    )
    max_body_bytes: int = Field(
        3_500_000, ge=262_144, le=4_000_000, description="Bytes of one request; Braze refuses 4 MB (§2.1)."
    )
    consent_spacing_s: float = Field(
        5,
        ge=0,
        le=60,
        description="Least time between two consent writes for one user and group, seconds: Braze may process "
        "requests in another order than they were sent in (§6).",
    )
    transactional_seen_s: float = Field(
        82_800,
        gt=0,
        le=86_400,
        description="Seconds within which a transactional message whose end nobody knows is sent again under its id: "
        "Braze recognises it for 24 h (§2.7). Past them it is a dead letter, in_doubt.",
    )
    requests_per_3s: int = Field(
        2_400,
        ge=1,
        description="Requests of the whole fleet in any three seconds: 80 % of what Braze allows (§4). The "
        "hourly pool of 250,000 is the workspace's: when it is used up, the answers hold the route.",
    )
    requests_per_hour: int | None = Field(
        None,
        ge=60,
        description="Requests to /users/track in an hour, where the contract bounds them (MAU contracts, §4): the "
        "fleet reads what is left from the answers, and takes a sixth of its share of that in a minute.",
    )
    settle_after_s: float = Field(
        60,
        ge=0,
        le=3600,
        description="Seconds that Braze may still act on a request whose answer never came: 30 s to answer "
        "it, and as much for its queue (§4: usually under 0.1 s, up to 5 min in the worst case).",
    )
