"""The sections that every worker shares."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    model_validator,
)

from common.settings.shape import OpenSection


class Section(BaseModel):
    """A section of the settings: unknown keys are errors, values do not change, inputs are not quoted."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_OURS = {
    "acks": "nothing may be lost",
    "auto.offset.reset": "a group starts where the sink's start_from says",
    "enable.auto.commit": "offsets are committed when their effect is durable",
    "enable.auto.offset.store": "offsets are committed when their effect is durable",
    "enable.idempotence": "nothing may be written twice",
    "enable.partition.eof": "the workers need to see the end of a partition, or not to",
    "group.id": "groups are named by the prefix and the sink",
    "group.instance.id": "static_member: true names members by worker_name",
    "isolation.level": "aborted records are never read",
    "partition.assignment.strategy": "one customer is always in one worker's hands",
    "partitioner": "all producers must place a key in the same partition",
    "transactional.id": "it is made of the group and worker_name",
}
_SECRET_ENDINGS = ("password", ".secret", "passphrase", ".pem", "sasl.oauthbearer.config")
_PUBLIC = ("ssl.certificate.pem", "ssl.ca.pem")
_DEFAULTS = {"bootstrap.servers": "localhost:9092"}
_MEANINGS = {"bootstrap.servers": "Addresses of brokers that are tried first, comma-separated."}


def _is_secret(name: str) -> bool:
    return name.endswith(_SECRET_ENDINGS) and name not in _PUBLIC


def _property_name(name: str) -> str:
    if "_" in name and not name.startswith("ssl_"):
        raise ValueError(f"librdkafka writes its properties with dots; did you mean {name.replace('_', '.')}?")
    if name in _OURS:
        raise ValueError(f"is not a site's to choose: {_OURS[name]}; remove it")
    return name


def _property_value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)) and math.isfinite(value):
        return str(value)
    if isinstance(value, (str, SecretStr)):
        return value
    raise ValueError("a librdkafka property is a string, a number, true or false")


PropertyName = Annotated[str, AfterValidator(_property_name)]
PropertyValue = Annotated[SecretStr, BeforeValidator(_property_value)]


class KafkaSettings(OpenSection, RootModel[dict[PropertyName, PropertyValue]]):
    """librdkafka's properties, passed through by their own names (`bootstrap.servers`, `sasl.password` …).

    As variables their dots are underscores: COMMFLEET_KAFKA__BOOTSTRAP_SERVERS. The properties that
    our promises rest on are refused. Which exist: librdkafka's CONFIGURATION.md.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    root: dict[PropertyName, PropertyValue] = Field(default_factory=dict)

    def client(self, **overrides: Any) -> dict[str, Any]:
        """The configuration of one client; overrides are written with underscores for dots, and win."""
        given = {name: value.get_secret_value() for name, value in self.root.items()}
        ours = {name.replace("_", "."): value for name, value in overrides.items()}
        return {**_DEFAULTS, **given, **ours}

    @property
    def bootstrap_servers(self) -> str:
        """The addresses that are tried first, comma-separated."""
        return str(self.client()["bootstrap.servers"])

    @classmethod
    def name_of(cls, variable_part: str) -> str:
        """librdkafka's name: dots for underscores (each of its `ssl_…` properties is not a text)."""
        return variable_part.replace("_", ".")

    @classmethod
    def child(cls, name: str) -> Any:
        """A secret by its name, or a text."""
        return SecretStr if _is_secret(name) else str

    @classmethod
    def defaults(cls) -> dict[str, str]:
        """What is set when a site sets nothing."""
        return dict(_DEFAULTS)

    @classmethod
    def meaning(cls, name: str) -> str:
        """What the reference says about it."""
        return _MEANINGS[name]


class HealthSettings(Section):
    """The worker's own HTTP port: /metrics, /livez, /readyz, and /routes for operators."""

    host: str = Field("0.0.0.0", min_length=1, description="Address to listen on.")
    port: int = Field(9400, ge=0, le=65535, description="Port to listen on; 0 takes a free one and logs it.")
    token: SecretStr | None = Field(
        None, min_length=16, description="Bearer token of /routes, where operators end holds; without it there is none."
    )


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")
    format: Literal["json", "console"] = Field(
        "json", description="json: one object a line, for collectors; console: for people."
    )


class TopicsSettings(Section):
    """How `topics apply` creates topics in this environment."""

    partitions: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Partitions of every flow, receipt and retry topic, instead of the topic files' number.",
    )
    replication_factor: int = Field(3, ge=1, le=15, description="Copies of each partition; 1 on a single broker.")
    min_insync_replicas: int = Field(
        2, ge=1, le=15, description="Copies that must confirm a write; at most replication_factor."
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.min_insync_replicas > self.replication_factor:
            raise ValueError("min_insync_replicas is larger than replication_factor: no write could be confirmed")
        return self
