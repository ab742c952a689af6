"""Settings of what Braze sends: its Currents, and the webhooks of its campaigns."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from workers.ingest.auth_config import BearerAuth
from workers.ingest.feeds import Signal
from workers.ingest.sources.source_config import UnsignedAuth, VendorSource
from workers.ingest.sources.template import OFFERS

SYSTEM = "braze"


class PersonalField(StrEnum):
    """Fields of our customer record that Braze's events can fill."""

    EMAIL = "email"
    PHONE = "phone"


class CurrentsSource(VendorSource):
    """Currents, over Braze's custom HTTP connector (braze.md §3.1)."""

    SYSTEM = SYSTEM
    OFFERS = frozenset({Signal.EMAIL_ENGAGEMENT, Signal.UNSUBSCRIBE, Signal.SUPPRESSION, Signal.SUBSCRIPTION})

    kind: Literal["braze_currents"]
    auth: Annotated[BearerAuth, Field(description="The connector can send a bearer token, and nothing else.")]
    subscription_groups: dict[str, str] = Field(
        default_factory=dict, description="Subscription group id → the site's name for it."
    )
    personal_data: frozenset[PersonalField] = Field(
        frozenset(), description="Personal data that may go into the customer record; by default none."
    )


class BrazeWebhookSource(VendorSource):
    """Webhook messages of campaigns and canvases, one request a user (braze.md §3.2)."""

    SYSTEM = SYSTEM
    OFFERS = OFFERS

    kind: Literal["braze_webhook"]
    auth: UnsignedAuth
    signals: frozenset[Signal] | None = Field(
        frozenset({Signal.SURVEY, Signal.CAMPAIGN_RESPONSE, Signal.FORM}),
        description="What this feed has the say in; the rest is acknowledged and passed over.",
    )
    personal_data: frozenset[PersonalField] = Field(
        frozenset(), description="Personal data that may go into the customer record; by default none."
    )
