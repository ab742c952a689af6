"""Settings of our service in one subscription of Marketo. Page sections are those of the Marketo vendor page."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.vendors.address import is_private_enough, parsed

_EXAMPLE = "https://123-ABC-456.mktorest.com"
_MUNCHKIN_HOST = re.compile(r"(\d{3}-[a-z]{3}-\d{3})\.mktorest\.com", re.IGNORECASE)

FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,254}$")]


class MarketoAccount(Section):
    """One subscription: where it is, who we are there, and where its leads carry the site's customer id."""

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
    day_zone: str = Field("America/Chicago", description="Time zone whose midnight begins the quota's day (§3).")
    quota_recheck_s: float = Field(
        1800, ge=60, le=86400, description="Longest wait before the daily quota is tried again: it may be raised (§3)."
    )
    lead_cache_size: int = Field(100_000, ge=0, description="Lead ids that are remembered, the latest used ones.")
    lead_cache_s: float = Field(3600, ge=0, description="Seconds that a lead id is remembered; leads are merged.")
    token_margin_s: float = Field(
        60, ge=0, le=1800, description="Seconds before its end that a token is asked for anew (§1)."
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
