"""Settings of the Marketo sink. Page sections are those of the Marketo vendor page."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.sinks.address import is_private_enough, parsed
from workers.sinks.config import SinkConfig

_EXAMPLE = "https://123-ABC-456.mktorest.com"
_MUNCHKIN_HOST = re.compile(r"(\d{3}-[a-z]{3}-\d{3})\.mktorest\.com", re.IGNORECASE)

FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,254}$")]
Scalar = bool | int | str
_Id = Annotated[int, Field(ge=1)]


class ActivityType(Section):
    """A custom activity type: approved in Marketo, and known there by number (§2.4)."""

    type_id: int = Field(ge=1, description="Number of the type in this instance.")
    event_id_attribute: FieldName | None = Field(
        None,
        description="API name of a secondary attribute that carries the event's id. Marketo does not recognise a "
        "repeat (§2.4): with it, campaigns and people can.",
    )


class ObjectType(Section):
    """A custom object: its API name and what makes two records the same (§2.7)."""

    api_name: FieldName = Field(description="API name of the object, such as order_c.")
    dedupe_fields: tuple[FieldName, ...] = Field(
        min_length=1, max_length=3, description="Its dedupe fields; every record must have them."
    )
    customer_field: FieldName | None = Field(
        None, description="Its field that takes the customer id: the link to the lead, or a part of the key."
    )


class ConsentRule(Section):
    """Which lead field shows a decision, and by which values; an absent condition holds for every decision."""

    kind: Literal["CONSENT", "PAPERLESS", "PREFERRED_CHANNEL", "SUBSCRIPTION", "SUPPRESSION"] = "CONSENT"
    channel: str | None = None
    purpose: str | None = None
    subscription_group: str | None = None
    field: FieldName
    opted_in: Scalar = True
    opted_out: Scalar = False
    reason_field: FieldName | None = None


_UNSUBSCRIBED = ConsentRule(
    channel="EMAIL",
    purpose="MARKETING",
    field="unsubscribed",
    opted_in=False,
    opted_out=True,
    reason_field="unsubscribedReason",
)


class MarketoConfig(SinkConfig):
    """One subscription of Marketo: where it is, our service, the site's names, and how much a request carries."""

    base_url: str = Field(
        description=f"REST endpoint of the subscription, such as {_EXAMPLE}; what Marketo shows may end in /rest or "
        "/identity (§0)."
    )
    client_id: str = Field(min_length=1, max_length=200, description="Client id of the custom service (§1).")
    client_secret: SecretStr = Field(description="Client secret of the custom service (§1).")
    allow_http: bool = Field(
        False, description="Send the secret over plain http to another host than this one: for a sandbox only."
    )
    munchkin_id: str | None = Field(
        None, description="Account id; without it, the first part of the host. Leads of other accounts are not touched."
    )
    customer_id_field: FieldName = Field(
        description="REST name of the lead field that holds the site's customer id: string, e-mail or integer (§2.1)."
    )
    lookup_field: FieldName | None = Field(
        None, description="Field by which upserts find a lead; without it, customer_id_field (§2.1)."
    )
    partition: str | None = Field(
        None, min_length=1, max_length=255, description="Lead partition of upserts; without it, the primary one (§2.1)."
    )
    campaigns: dict[str, _Id] = Field(
        default_factory=dict, description="Trigger campaigns that flows may request: our name -> campaign id (§2.5)."
    )
    lists: dict[str, _Id] = Field(
        default_factory=dict, description="Static lists that flows may change: our name -> list id (§2.8)."
    )
    activities: dict[str, ActivityType] = Field(
        default_factory=dict, description="Custom activity types that flows may add: our name -> type (§2.4)."
    )
    objects: dict[str, ObjectType] = Field(
        default_factory=dict, description="Custom objects that flows may write: our name -> object (§2.7)."
    )
    consent: tuple[ConsentRule, ...] = Field(
        default_factory=lambda: (_UNSUBSCRIBED,),
        description="Which lead field shows which decision (§6): kind, channel, purpose and subscription_group say "
        "when, field, opted_in, opted_out and reason_field say what is written. PREFERRED_CHANNEL writes the channel.",
        json_schema_extra={"default_text": "e-mail marketing is `unsubscribed`"},
    )
    verify_consent: bool = Field(
        True,
        description="Read consent fields back after a write, for one request more: Marketo says updated even where "
        "an administrator blocked the field (§6).",
    )
    max_records: int = Field(300, ge=1, le=300, description="Records in one request; 300 by the vendor (§3).")
    max_leads: int = Field(100, ge=1, le=100, description="Leads in one campaign request; 100 by the vendor (§2.5).")
    max_body_bytes: int = Field(
        900_000, ge=131_072, le=1_000_000, description="Bytes of one request; Marketo refuses more than 1 MB (§3)."
    )
    requests_per_20_s: int = Field(
        50,
        ge=1,
        le=100,
        description="Requests of the whole fleet in any 20 seconds; 100 are allowed to all integrations together (§3).",
    )
    requests_per_day: int = Field(
        40_000,
        ge=1,
        description="Requests of all integrations in a day past which the fleet waits: 80 % of the usual 50,000 (§3).",
    )
    day_zone: str = Field("America/Chicago", description="Time zone whose midnight begins the quota's day (§3).")
    quota_recheck_s: float = Field(
        1800, ge=60, le=86400, description="Longest wait before the daily quota is tried again: it may be raised (§3)."
    )
    lead_cache_size: int = Field(100_000, ge=0, description="Lead ids that are remembered, the latest used ones.")
    lead_cache_s: float = Field(3600, ge=0, description="Seconds that a lead id is remembered; leads are merged.")
    token_margin_s: float = Field(
        60, ge=0, le=1800, description="Seconds before its end that a token is asked for anew (§1)."
    )
    settle_after_s: float = Field(
        120,
        ge=0,
        le=3600,
        description="Seconds that Marketo may still act on a request whose answer never came: 90 s at most on its "
        "server, and as much again of doubt as a clock needs (§0.3).",
    )
    max_in_flight: int = Field(
        5,
        ge=2,
        le=10,
        description="Requests at once of the whole fleet, its groups together; Marketo allows 10 to all integrations "
        "together (§3). `commfleet check --workers N` says whether so many workers can share them.",
    )
    linger_s: float = Field(
        1.0, ge=0, le=60, description="Seconds a delivery may wait for company: requests are what is scarce (§3)."
    )
    read_timeout_s: float = Field(
        100, gt=0, le=600, description="Seconds to wait for an answer; Marketo's own limit is 90 (§0.3)."
    )

    @field_validator("base_url")
    @classmethod
    def _host(cls, url: str) -> str:
        parts = parsed(url, _EXAMPLE)
        if parts.username or parts.query or parts.fragment or parts.path.strip("/") not in ("", "rest", "identity"):
            raise ValueError("is a host only: no path but /rest, no query, no password")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("client_id", "client_secret")
    @classmethod
    def _bare(cls, value: str | SecretStr) -> str | SecretStr:
        text = (value.get_secret_value() if isinstance(value, SecretStr) else value).strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text or text[0] in "\"'":
            raise ValueError("must be bare: visible ASCII characters, no quotes, no spaces")
        return SecretStr(text) if isinstance(value, SecretStr) else text

    @field_validator("day_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError("is not a time zone of this machine, such as America/Chicago") from error
        return name

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if not self.allow_http and not is_private_enough(self.base_url):
            raise ValueError("base_url must be https: the secret would travel readable; a sandbox: allow_http")
        return self

    @property
    def instance(self) -> str | None:
        """The account id, upper case, as far as it is known."""
        found = _MUNCHKIN_HOST.fullmatch(urlsplit(self.base_url).hostname or "")
        name = self.munchkin_id or (found[1] if found else None)
        return name.upper() if name else None
