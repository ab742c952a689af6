"""Settings of our key in one workspace of Braze. Page sections are those of the Braze vendor page."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.vendors.address import host_only, is_private_enough

_EXAMPLE = "https://rest.iad-01.braze.com"


class BrazeAccount(Section):
    """One workspace: where it is, and our key."""

    base_url: str = Field(description=f"REST endpoint of the cluster, such as {_EXAMPLE}: host only (§1.1).")
    api_key: SecretStr = Field(
        description="REST API key with the permissions of what is asked of it (§1.3; docs/vendors/braze.md and "
        "docs/pollers.md list them)."
    )
    allow_http: bool = Field(
        False, description="Send the key over plain http to another host than this one: for a sandbox only."
    )

    @field_validator("base_url")
    @classmethod
    def _host_only(cls, url: str) -> str:
        return host_only(url, _EXAMPLE)

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text or text[0] in "\"'":
            raise ValueError("must be the bare key: visible ASCII characters, no quotes, no spaces (§1.2)")
        return SecretStr(text)

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if not self.allow_http and not is_private_enough(self.base_url):
            raise ValueError("base_url must be https: the key would travel readable; a sandbox: allow_http")
        return self

    @property
    def headers(self) -> dict[str, str]:
        """What every request says of who we are (§1.2)."""
        return {"authorization": f"Bearer {self.api_key.get_secret_value()}"}
