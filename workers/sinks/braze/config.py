"""Settings of the Braze sink. Page sections are those of the Braze vendor page."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from workers.sinks.config import SinkConfig

_API_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _api_id(value: str) -> str:
    if not _API_ID.fullmatch(value):
        raise ValueError("is not an API identifier (a UUID, from the page of the campaign, Canvas or group in Braze)")
    return value


ApiIds = dict[str, Annotated[str, AfterValidator(_api_id)]]


class BrazeConfig(SinkConfig):
    """One workspace of Braze: where it is, our key, and how much a request carries."""

    base_url: str = Field(
        description="REST endpoint of the cluster, such as https://rest.iad-01.braze.com: host only (§1.1)."
    )
    api_key: SecretStr = Field(
        description="REST API key with campaigns.list, for probes, and the permission of each action that flows use "
        "(§1.3; docs/vendors/braze.md lists them)."
    )
    allow_http: bool = Field(
        False, description="Send the key over plain http to another host than this one: for a sandbox only."
    )
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

    @field_validator("base_url")
    @classmethod
    def _host_only(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must look like https://rest.iad-01.braze.com")
        if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("is a host only: no path, no query, no password")
        if parts.port == 0:
            raise ValueError("port 0 is no port")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text or text[0] in "\"'":
            raise ValueError("must be the bare key: visible ASCII characters, no quotes, no spaces (§1.2)")
        return SecretStr(text)

    @model_validator(mode="after")
    def _encrypted(self) -> "BrazeConfig":
        parts = urlsplit(self.base_url)
        if parts.scheme == "http" and not self.allow_http and not _is_this_machine(parts.hostname or ""):
            raise ValueError("base_url must be https: the key would travel readable; a sandbox: allow_http")
        return self


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
