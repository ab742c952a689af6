"""Settings of an Exstream domain's events: the site's own names, and which personal data may travel on."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from workers.ingest.auth_config import Auth
from workers.ingest.identity import IdentityPath
from workers.ingest.rate_limit_config import RateLimit

Path = Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
"""Where a value stands in the signal: names joined by dots, `user.CustomerId`."""


class Status(StrEnum):
    """What a communication event may say happened (design §12, first bullet)."""

    GENERATED = "GENERATED"
    RELEASED = "RELEASED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    COMPLETED = "COMPLETED"
    BOUNCED = "BOUNCED"
    FAILED = "FAILED"
    OPENED = "OPENED"
    CLICKED = "CLICKED"
    UNKNOWN = "UNKNOWN"


class Channel(StrEnum):
    """How a communication reaches its customer."""

    PRINT = "PRINT"
    EMAIL = "EMAIL"
    WEB = "WEB"
    SMS = "SMS"
    PUSH = "PUSH"
    ARCHIVE = "ARCHIVE"


class PersonalField(StrEnum):
    """Fields of our customer record that Exstream's `user` block can fill."""

    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"


class SiteField(StrEnum):
    """Fields of our communication event that only the site's own data can fill."""

    TEMPLATE_ID = "template_id"
    PRODUCT = "product"
    PRIORITY = "priority"
    RISK_LEVEL = "risk_level"
    BATCH_ID = "batch_id"


class OutputChannel(BaseModel):
    """One output channel of the site, by the name it has in Exstream."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: Channel | None = Field(None, description="How it reaches the customer.")
    status: Status = Field(Status.RELEASED, description="What a hand-over to it means.")


EMAIL_STATUSES: dict[str, Status] = {
    "Submit": Status.SENT,
    "POST": Status.DELIVERED,
    "OPEN": Status.OPENED,
    "NDLV": Status.BOUNCED,
}
"""`Exstream-Email-<status>` (exstream.md §6.1); a site adds its carrier's own."""


class ExstreamSource(BaseModel):
    """Exstream's CXI events, posted by its integration service or by an intermediary."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["exstream"]
    auth: Auth
    rate_limit: RateLimit | None = Field(None, description="How much it may send; without one, as much as comes.")
    document_types: dict[str, str] = Field(default_factory=dict, description="Communication id → document type.")
    channels: dict[str, OutputChannel] = Field(
        default_factory=dict, description="Output channels by their name in Exstream; others arrive as UNKNOWN."
    )
    email_statuses: dict[str, Status] = Field(
        default_factory=dict, description="More carrier statuses, or other meanings of the known ones."
    )
    identity_paths: tuple[IdentityPath, ...] = Field(
        ("user.CustomerId",), description="Where the site's own customer id stands; the first one found counts."
    )
    document_id_path: Path | None = Field(None, description="Where the id of this very document stands.")
    field_paths: dict[SiteField, Path] = Field(
        default_factory=dict, description="Where further fields of the event stand."
    )
    personal_data: frozenset[PersonalField] = Field(
        frozenset(), description="Personal data that may go to Kafka; by default only the customer id."
    )
    attributes: tuple[str, ...] = Field((), description="Names under `user` that go into the attributes.")

    @field_validator("channels")
    @classmethod
    def _names_are_no_types(cls, channels: dict[str, OutputChannel]) -> dict[str, OutputChannel]:
        for name in channels:
            if name == "Generated" or name.startswith("Email-") or name.endswith("-Failed"):
                raise ValueError(f"channel {name!r} reads as one of Exstream's own event types: rename it in Exstream")
        return channels
