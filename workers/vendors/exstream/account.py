"""Settings of our client in one domain of Exstream. Page sections are those of the Exstream vendor page."""

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.vendors.address import host_only, is_private_enough, parsed

_EXAMPLE = "https://communication.us.api.opentext.com"
_TOKEN_EXAMPLE = "https://us.api.opentext.com/tenants/<tenant>/oauth2/token"

HEADER_VALUE = r"^[\x21-\x7e]([\x20-\x7e]{0,398}[\x21-\x7e])?$"
SEGMENT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class TokenStyle(StrEnum):
    """How a token is asked for (§1)."""

    JSON = "json"
    FORM = "form"
    FORM_BASIC = "form-basic"


class ExstreamAccount(Section):
    """Where Exstream is, and who we are there (§1)."""

    base_url: str = Field(description=f"API base, such as {_EXAMPLE}: host only (§1).")
    domain: str = Field(pattern=SEGMENT, description="Exstream domain, a segment of every path (§1).")
    token_url: str = Field(description=f"Where tokens come from: {_TOKEN_EXAMPLE}, or OTDS's own (§1).")
    token_style: TokenStyle = Field(
        TokenStyle.JSON, description="json (cloud), form, or form with client id and secret as HTTP Basic (§1)."
    )
    scope: str | None = Field(
        None, pattern=HEADER_VALUE, description="Scope of form requests, such as otds:groups (§1)."
    )
    client_id: str = Field(min_length=1, max_length=400, description="OAuth client id.")
    client_secret: SecretStr = Field(description="OAuth client secret.")
    allow_http: bool = Field(
        False, description="Send credentials over plain http to another host than this one: for a sandbox only."
    )

    @field_validator("base_url")
    @classmethod
    def _host_only(cls, url: str) -> str:
        return host_only(url, _EXAMPLE)

    @field_validator("token_url")
    @classmethod
    def _token_address(cls, url: str) -> str:
        parts = parsed(url, _TOKEN_EXAMPLE)
        if parts.username or parts.fragment:
            raise ValueError("takes no password and no fragment")
        return url

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        for name in ("base_url", "token_url"):
            if not self.allow_http and not is_private_enough(getattr(self, name)):
                raise ValueError(f"{name} must be https: secrets would travel readable; a sandbox: allow_http")
        return self
