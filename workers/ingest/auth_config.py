"""How a source proves who it is. Two secrets may be valid at once, so that they can be changed in step."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

NonEmptySecret = Annotated[SecretStr, Field(min_length=1)]
Secrets = Annotated[tuple[NonEmptySecret, ...], Field(min_length=1, max_length=2)]


class _AuthConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HmacAuth(_AuthConfig):
    """HMAC-SHA256 over `X-Timestamp`, a dot and the body, in `X-Signature: sha256=<hex>`."""

    kind: Literal["hmac"]
    secrets: Secrets = Field(description="The shared secret; two while it is being changed.")
    skew_s: int = Field(300, ge=1, description="How far the sender's clock may be off.")


class BearerAuth(_AuthConfig):
    """`Authorization: Bearer <token>`."""

    kind: Literal["bearer"]
    tokens: Secrets = Field(description="The token; two while it is being changed.")


class BasicAuth(_AuthConfig):
    """`Authorization: Basic <user:password>`."""

    kind: Literal["basic"]
    username: str = Field(min_length=1, pattern=r"^[^:]+$", description="No colon: RFC 7617 §2.")
    passwords: Secrets = Field(description="The password; two while it is being changed.")


class HeaderAuth(_AuthConfig):
    """A secret in a header of its own, where a vendor can do nothing better."""

    kind: Literal["header"]
    name: str = Field(pattern=r"^[A-Za-z0-9-]+$", description="The header that carries the secret.")
    secrets: Secrets = Field(description="The secret; two while it is being changed.")


Auth = Annotated[HmacAuth | BearerAuth | BasicAuth | HeaderAuth, Field(discriminator="kind")]
