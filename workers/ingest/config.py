"""Settings of the webhook: where it listens, how much it takes, and who may send what."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from workers.ingest.auth_config import Auth
from workers.ingest.rate_limit_config import RateLimit
from workers.ingest.sources.catalogue import HookConfig


class CanonicalSource(BaseModel):
    """An upstream system that posts our own events to `/v1/events/{topic}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["canonical"]
    auth: Auth
    rate_limit: RateLimit | None = Field(None, description="How much it may send; without one, as much as comes.")
    topics: tuple[str, ...] | None = Field(
        None, description="Event topics it may write to; without a list, every one that is open to sources."
    )


SourceConfig = Annotated[HookConfig | CanonicalSource, Field(discriminator="kind")]


class WebhookConfig(BaseModel):
    """The HTTP door of the ingest path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("0.0.0.0", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    body_max_bytes: int = Field(
        512 * 1024, ge=1, description="A larger body, also when it is unpacked, is refused with 413."
    )
    bodies_max_bytes: int = Field(
        64 * 1024 * 1024, ge=1, description="Bodies held in memory at once; beyond it senders get 503."
    )
    header_max_bytes: int = Field(16 * 1024, ge=256, description="All request headers together, else 431.")
    header_max_count: int = Field(100, ge=8, description="Request headers, else 431.")
    items_max: int = Field(1000, ge=1, description="Items of one JSON array, or JSON lines, else 413.")
    request_timeout_s: float = Field(
        10.0, gt=0, description="A slower body is refused with 408, slower headers are cut off."
    )
    confirm_timeout_s: float = Field(
        10.0, gt=0, description="How long a request waits for Kafka before it is answered 503."
    )
    max_unconfirmed: int = Field(10_000, ge=1, description="Records on their way to Kafka at once.")
    max_connections: int = Field(4096, ge=1, description="Open connections; beyond it 503.")
    keep_alive_s: float = Field(15.0, ge=0, description="An idle connection is closed after this long.")
    retry_after_s: int = Field(5, ge=1, description="What Retry-After says beside a 503.")
    unready_s: float = Field(
        2.0, ge=0, description="At a stop, so long the worker is not ready but still takes requests: routes follow."
    )
    reread_s: float = Field(
        10.0,
        gt=0,
        description="How often `…_FILE`s of secrets are looked at; a changed one needs no restart.",
    )
    drain_s: float = Field(25.0, ge=0, description="At a stop, running requests have this long to end.")
    sources: dict[str, SourceConfig] = Field(
        default_factory=dict, description="Who may send, by the name in `/hooks/{source}`."
    )

    @field_validator("sources")
    @classmethod
    def _names_fit_urls(cls, sources: dict[str, SourceConfig]) -> dict[str, SourceConfig]:
        for name in sources:
            if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or name == "unknown":
                raise ValueError(f"source name {name!r}: letters, digits, - and _ only, and not 'unknown'")
        return sources
