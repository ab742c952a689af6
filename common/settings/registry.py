"""Where the Schema Registry is, and how workers prove who they are to it."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section

CompatibilityMode = Literal[
    "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE"
]


class RegistrySettings(Section):
    """A Confluent-compatible Schema Registry; without this section, ids are those of schemas/ids.json."""

    url: str = Field(
        description="Its address, path included; several are comma-separated and tried in turn.",
        min_length=1,
    )
    username: str | None = Field(None, min_length=1, description="User, or API key, of basic authentication.")
    password: SecretStr | None = Field(None, description="Password, or API secret, of basic authentication.")
    bearer_token: SecretStr | None = Field(None, description="Token of bearer authentication, instead of a user.")
    logical_cluster: str = Field(
        "", description="Sent beside a bearer token (`target-sr-cluster`); Confluent Cloud wants it."
    )
    identity_pool: str | None = Field(None, min_length=1, description="Sent beside a bearer token, where it is wanted.")
    ca_file: Path | None = Field(
        None, description="Certificates of the authorities to trust (PEM), instead of the public ones."
    )
    certificate_file: Path | None = Field(None, description="Our certificate (PEM), where the registry asks for one.")
    key_file: Path | None = Field(None, description="Its key (PEM), where it is not in the same file.")
    key_password: SecretStr | None = Field(None, description="Password of that key.")
    timeout_s: float = Field(
        3.0, gt=0, le=60, description="Longest wait for one answer; a worker does nothing else meanwhile."
    )
    retries: int = Field(1, ge=0, le=10, description="How often a request is repeated at once when it failed.")
    retry_s: float = Field(
        5.0, gt=0, le=600, description="After a failure, nothing is asked for so long: what needs an answer waits."
    )
    schemas_max: int = Field(1000, ge=1, le=100_000, description="Schemas that are kept in memory, by their ids.")
    unknown_s: float = Field(
        60.0, ge=0, le=3600, description="For so long an id that the registry does not know is not asked about again."
    )
    compatibility: CompatibilityMode = Field(
        "BACKWARD_TRANSITIVE",
        description="What `schemas register` sets for each subject, and what `check` holds schemas to.",
    )

    @field_validator("url")
    @classmethod
    def _addresses(cls, text: str) -> str:
        for url in (part.strip() for part in text.split(",")):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("each must be an address such as https://registry.example.com:8081")
            if parts.username is not None or parts.password is not None:
                raise ValueError("must not carry credentials: give them as registry.username and registry.password")
        return text

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together: give both")
        if self.username is not None and ":" in self.username:
            raise ValueError("username must not have a colon: basic authentication ends it there")
        if self.username is not None and self.bearer_token is not None:
            raise ValueError("username and bearer_token exclude each other: give one")
        if self.bearer_token is None and (self.logical_cluster or self.identity_pool):
            raise ValueError("logical_cluster and identity_pool are sent beside a bearer_token: give it")
        if self.certificate_file is None and (self.key_file or self.key_password):
            raise ValueError("key_file and key_password belong to a certificate_file: give it")
        return self
