"""Settings of our account at OpenText's messaging platform; sections are those of the Notifications vendor page."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.vendors.address import host_only, is_private_enough, parsed

_EXAMPLE = "https://api.eu.cloudmessaging.opentext.com"
_TOKEN_EXAMPLE = "https://eu.api.opentext.com/tenants/<tenant>/oauth2/token"


class MessagingAccount(Section):
    """Where the platform is, and who we are there (§1): Basic, or OAuth where token_url is set."""

    base_url: str = Field(description=f"Host of the region, such as {_EXAMPLE}: host only (§1).")
    username: str | None = Field(None, min_length=1, description="User id of the messaging account, for Basic.")
    password: SecretStr | None = Field(None, description="Its password.")
    token_url: str | None = Field(None, description=f"OAuth instead: {_TOKEN_EXAMPLE} (§1).")
    client_id: str | None = Field(None, min_length=1, description="OAuth client id.")
    client_secret: SecretStr | None = Field(None, description="OAuth client secret.")
    allow_http: bool = Field(
        False, description="Send credentials over plain http to another host than this one: for a sandbox only."
    )

    @field_validator("base_url")
    @classmethod
    def _host_only(cls, url: str) -> str:
        return host_only(url, _EXAMPLE)

    @field_validator("token_url")
    @classmethod
    def _token_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = parsed(url, _TOKEN_EXAMPLE)
        if parts.username or parts.fragment:
            raise ValueError("takes no password and no fragment")
        return url

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        basic = (self.username, self.password)
        oauth = (self.token_url, self.client_id, self.client_secret)
        if all(basic) == all(oauth) or (any(basic) and any(oauth)):
            raise ValueError("needs username and password, or token_url, client_id and client_secret (§1)")
        for name in ("base_url", "token_url"):
            url = getattr(self, name)
            if url and not self.allow_http and not is_private_enough(url):
                raise ValueError(f"{name} must be https: secrets would travel readable; a sandbox: allow_http")
        return self

    @property
    def is_bearer(self) -> bool:
        """Whether requests carry a token of `token_url`."""
        return self.token_url is not None
