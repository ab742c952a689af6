"""Settings of our account at one Content Server. Page sections are those of the ECM vendor page."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.vendors.address import is_private_enough
from workers.vendors.ecm.signs import SIGNS


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return text


class EcmAccount(Section):
    """Where the server is, and who we are there (§1, §2)."""

    base_url: str = Field(
        description="Address with the installation's own path, without /api: https://ecm.example.com/otcs/cs (§1)."
    )
    auth: Literal["password", "otds"] = Field(
        "password",
        description="password: a ticket for username and password (§2.1). otds: a token for client_id and "
        "client_secret, sent as bearer with every call (§2.2), for servers behind a load balancer.",
    )
    username: str = Field("", description="Login of the service account; its language must be English (§16).")
    password: SecretStr = Field(SecretStr(""), description="Its password.")
    domain: str | None = Field(None, description="Its domain, where domains are enabled.")
    otds_token_url: str | None = Field(
        None, description="Token address of OTDS: https://otds.example.com/otdsws/oauth2/token (§2.2)."
    )
    client_id: str = Field("", description="OAuth client, mapped to a Content Server user (§2.2).")
    client_secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    allow_http: bool = Field(
        False, description="Send credentials over plain http to another host than this one: for a sandbox only."
    )
    login_backoff_s: float = Field(
        300,
        ge=1,
        le=86_400,
        description="Seconds between two log-ins once one was refused: an account tried too often is locked (§2.1).",
    )
    error_texts: dict[str, Annotated[str, AfterValidator(_regex)]] = Field(
        default_factory=dict,
        description=f"Further texts (regular expressions) for a sign of §16, for another language: {', '.join(SIGNS)}.",
    )
    time_zone: str = Field("UTC", description="Zone of the server's dates, which are without one (§3).")

    @field_validator("base_url")
    @classmethod
    def _no_api(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0:
            raise ValueError("must look like https://ecm.example.com/otcs/cs")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("is host and path only: no password, no query")
        path = parts.path.rstrip("/")
        if path.endswith(("/api", "/api/v1", "/api/v2")):
            raise ValueError("ends before /api")
        return f"{parts.scheme}://{parts.netloc}{path}"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("is no time zone of the IANA database, such as Europe/Berlin") from error
        return name

    @field_validator("error_texts")
    @classmethod
    def _known_signs(cls, texts: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(texts.keys() - SIGNS.keys()):
            raise ValueError(f"no such sign: {', '.join(unknown)} (there are: {', '.join(SIGNS)})")
        return texts

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.auth == "password" and not (self.username and self.password.get_secret_value()):
            raise ValueError("auth password needs username and password")
        if self.auth == "otds" and not (
            self.otds_token_url and self.client_id and self.client_secret.get_secret_value()
        ):
            raise ValueError("auth otds needs otds_token_url, client_id and client_secret")
        return self

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        for name, url in (("base_url", self.base_url), ("otds_token_url", self.otds_token_url or "https://none")):
            parts = urlsplit(url)
            if parts.scheme not in ("https", "http") or not parts.hostname:
                raise ValueError(f"{name} must be an https address")
            if not self.allow_http and not is_private_enough(url):
                raise ValueError(f"{name} must be https: credentials would travel readable; a sandbox: allow_http")
        return self
