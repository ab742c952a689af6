"""Settings of what Marketo's webhooks send."""

from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from workers.ingest.feeds import Signal
from workers.ingest.identity import IdentityPath
from workers.ingest.sources.source_config import UnsignedAuth, VendorSource
from workers.ingest.sources.template import OFFERS


class PersonalField(StrEnum):
    """Fields of our customer record that the template can fill."""

    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    PHONE = "phone"
    COMPANY = "company"


class MarketoSource(VendorSource):
    """The flow step *Call Webhook*, one request a person (marketo.md §2.13)."""

    SYSTEM = "marketo"
    OFFERS = OFFERS

    kind: Literal["marketo"]
    auth: UnsignedAuth
    signals: frozenset[Signal] | None = Field(
        frozenset({Signal.FORM, Signal.SCORE, Signal.CAMPAIGN_RESPONSE, Signal.PROFILE}),
        description="What this feed has the say in; the rest is acknowledged and passed over.",
    )
    identity_paths: tuple[IdentityPath, ...] = Field(
        ("customerId",),
        description="Where the template carries the lead field with the site's own customer id.",
    )
    types: dict[str, str] = Field(
        default_factory=dict, description="Trigger name → our `type`, where the template names none."
    )
    time_zone: str = Field(
        "UTC", description="Of `{{system.dateTime}}` where it says none: the instance's own, such as Europe/Berlin."
    )
    personal_data: frozenset[PersonalField] = Field(
        frozenset(), description="Personal data that may go into the customer record; by default none."
    )

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone of the IANA database, such as Europe/Berlin") from None
        return name
