"""Settings of the Marketo poller. Page sections are those of the Marketo vendor page."""

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from workers.ingest.feeds import Signal
from workers.ingest.pollers.config import PollerConfig
from workers.vendors.marketo.account import FieldName, MarketoAccount
from workers.vendors.marketo.consent import UNSUBSCRIBED, ConsentRule


class Engagement(StrEnum):
    """What an activity may mean."""

    EMAIL_DELIVERED = "EMAIL_DELIVERED"
    EMAIL_OPENED = "EMAIL_OPENED"
    EMAIL_CLICKED = "EMAIL_CLICKED"
    EMAIL_BOUNCED = "EMAIL_BOUNCED"
    EMAIL_SOFT_BOUNCED = "EMAIL_SOFT_BOUNCED"
    UNSUBSCRIBED = "UNSUBSCRIBED"
    FORM_SUBMITTED = "FORM_SUBMITTED"
    PAGE_VISITED = "PAGE_VISITED"
    SCORE_CHANGED = "SCORE_CHANGED"
    CAMPAIGN_RESPONDED = "CAMPAIGN_RESPONDED"
    SURVEY_COMPLETED = "SURVEY_COMPLETED"
    UNKNOWN = "UNKNOWN"


SIGNALS: dict[Engagement, Signal] = {
    Engagement.EMAIL_DELIVERED: Signal.EMAIL_ENGAGEMENT,
    Engagement.EMAIL_OPENED: Signal.EMAIL_ENGAGEMENT,
    Engagement.EMAIL_CLICKED: Signal.EMAIL_ENGAGEMENT,
    Engagement.EMAIL_BOUNCED: Signal.EMAIL_ENGAGEMENT,
    Engagement.EMAIL_SOFT_BOUNCED: Signal.EMAIL_ENGAGEMENT,
    Engagement.UNSUBSCRIBED: Signal.UNSUBSCRIBE,
    Engagement.FORM_SUBMITTED: Signal.FORM,
    Engagement.PAGE_VISITED: Signal.PAGE,
    Engagement.SCORE_CHANGED: Signal.SCORE,
    Engagement.CAMPAIGN_RESPONDED: Signal.CAMPAIGN_RESPONSE,
    Engagement.SURVEY_COMPLETED: Signal.SURVEY,
}
"""The signal of each meaning; what we have no word for is nobody else's."""


class ProfileField(StrEnum):
    """Fields of our profile event that a lead field can fill."""

    LIFECYCLE_STAGE = "lifecycle_stage"
    CUSTOMER_TYPE = "customer_type"
    PRODUCT_INTEREST = "product_interest"
    RISK_LEVEL = "risk_level"
    ACCOUNT_MANAGER = "account_manager"


class PersonalField(StrEnum):
    """Fields of our customer record that a lead can fill."""

    EMAIL = "email"
    PHONE = "phone"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"


ACTIVITIES: dict[int, Engagement] = {
    1: Engagement.PAGE_VISITED,
    2: Engagement.FORM_SUBMITTED,
    7: Engagement.EMAIL_DELIVERED,
    8: Engagement.EMAIL_BOUNCED,
    9: Engagement.UNSUBSCRIBED,
    10: Engagement.EMAIL_OPENED,
    11: Engagement.EMAIL_CLICKED,
    22: Engagement.SCORE_CHANGED,
    27: Engagement.EMAIL_SOFT_BOUNCED,
    104: Engagement.CAMPAIGN_RESPONDED,
}
"""Built-in activity types that are polled unless a site says otherwise (§2.11): ten, which one request asks for."""


class MarketoPollerConfig(PollerConfig, MarketoAccount):
    """What is read of one subscription: activities, changes of lead fields, merged and deleted leads."""

    SYSTEM: ClassVar[str] = "marketo"
    OFFERS: ClassVar[frozenset[Signal]] = frozenset({*SIGNALS.values(), Signal.SUBSCRIPTION, Signal.PROFILE})

    activities: dict[int, Engagement] = Field(
        default_factory=lambda: dict(ACTIVITIES),
        min_length=1,
        description="Activity types that are polled, by number, and what each means; a request asks for ten (§2.10).",
        json_schema_extra={"default_text": "ten built-in types"},
    )
    consent: tuple[ConsentRule, ...] = Field(
        default_factory=lambda: (UNSUBSCRIBED,),
        description="Which lead field reports what (§6), as in sinks.marketo.consent.",
        json_schema_extra={"default_text": "`unsubscribed` is e-mail marketing"},
    )
    profile: dict[ProfileField, FieldName] = Field(
        default_factory=dict, description="Fields of the profile -> lead fields whose changes are reported (§2.10c)."
    )
    personal_data: frozenset[PersonalField] = Field(
        frozenset(), description="Personal data that may go to Kafka; by default only the customer id and the lead's."
    )
    overlap_s: float = Field(
        7200, ge=0, le=604_800, description="How far back the hourly second look goes: rows show up late (§2.10e)."
    )
    overlap_every_s: float = Field(3600, ge=60, le=604_800, description="Seconds between two second looks.")
    deleted_every_s: float = Field(
        3600, ge=60, le=604_800, description="Seconds between two looks for deleted leads; kept for 14 days (§2.10d)."
    )
    requests_per_20_s: int = Field(
        10,
        ge=1,
        le=100,
        description="Requests of the poller in any 20 seconds: its slice of everybody's 100 (§3).",
    )
    requests_per_day: int = Field(
        10_000, ge=100, description="Requests of the poller in a day: its slice of the subscription's quota (§3)."
    )

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.instance is None:
            raise ValueError("munchkin_id is missing: substitutes are made of it, and the host does not tell it")
        return self

    @property
    def named(self) -> str:
        """The account id; there is one."""
        return self.instance or ""

    @property
    def offered(self) -> frozenset[Signal]:
        """By the activities and consent rules that are set: what is not asked for is not claimed."""
        told = {SIGNALS[kind] for kind in self.activities.values() if kind in SIGNALS}
        return frozenset({*told, Signal.PROFILE} | ({Signal.SUBSCRIPTION} if self.consent else set()))
