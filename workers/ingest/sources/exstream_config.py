"""Settings of an Exstream domain's events: the site's own names, and which personal data may travel on."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from workers.ingest.auth_config import Auth
from workers.ingest.feeds import Signal
from workers.ingest.identity import IdentityPath
from workers.ingest.sources.source_config import INSTANCE, ON_BAD, OnBad, VendorSource
from workers.ingest.sources.words import Channel, channel_of

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


class Wish(BaseModel):
    """What one value of a delivery preference says; each field that is set is a report of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preferred_channel: Channel | None = Field(None, description="The channel to be used first.")
    paperless: bool | None = Field(None, description="Whether the customer wants no paper.")
    opted_out: Channel | None = Field(None, description="A channel that the customer does not want.")


WISHES: dict[str, Wish] = {
    name: Wish(preferred_channel=channel_of(name)) for name in ("email", "print", "mail", "web", "sms")
}


class ExstreamSource(VendorSource):
    """Exstream's CXI events, posted by its integration service or by an intermediary."""

    SYSTEM = "exstream"
    OFFERS = frozenset({Signal.DOCUMENT_STATUS, Signal.EMAIL_STATUS, Signal.DELIVERY_PREFERENCE})

    kind: Literal["exstream"]
    auth: Auth
    on_bad: OnBad = Field(OnBad.REFUSE, description=ON_BAD)
    instance: str = Field("", max_length=200, description=INSTANCE)
    document_types: dict[str, str] = Field(default_factory=dict, description="Communication id → document type.")
    channels: dict[str, OutputChannel] = Field(
        default_factory=dict, description="Output channels by their name in Exstream; others arrive as UNKNOWN."
    )
    email_statuses: dict[str, Status] = Field(
        default_factory=dict, description="More carrier statuses, or other meanings of the known ones."
    )
    completed_by: frozenset[Status] = Field(
        frozenset(),
        description="Statuses that complete a document, once whatever the channels; needs `document_id_path`.",
    )
    identity_paths: tuple[IdentityPath, ...] = Field(
        ("user.CustomerId",), description="Where the site's own customer id stands; the first one found counts."
    )
    document_id_path: Path | None = Field(None, description="Where the id of this very document stands.")
    field_paths: dict[SiteField, Path] = Field(
        default_factory=dict, description="Where further fields of the event stand."
    )
    delivery_preference_path: Path | None = Field(
        "user.DeliveryPreference", description="Where the customer's wish stands; null leaves it out."
    )
    delivery_preferences: dict[str, Wish] = Field(
        default_factory=dict,
        description="More values of the wish, in lower case, or other meanings of email, print, mail, web and sms.",
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

    @model_validator(mode="after")
    def _completes_by_document(self) -> Self:
        if self.completed_by and self.document_id_path is None:
            raise ValueError("completed_by needs document_id_path: a document is completed once, and known by its id")
        return self
