"""Settings of the Marketo sink. Page sections are those of the Marketo vendor page."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from common.settings.sections import Section
from workers.sinks.config import SinkConfig
from workers.vendors.marketo.account import FieldName, MarketoAccount
from workers.vendors.marketo.consent import UNSUBSCRIBED, ConsentRule

_Id = Annotated[int, Field(ge=1)]


class Lacking(StrEnum):
    """What becomes of a delivery for which Marketo has no place."""

    DEAD_LETTER = "dead_letter"
    SUPPRESS = "suppress"


class ActivityType(Section):
    """A custom activity type: approved in Marketo, and known there by number (§2.4)."""

    type_id: int = Field(ge=1, description="Number of the type in this instance.")
    event_id_attribute: FieldName | None = Field(
        None,
        description="API name of a secondary attribute that carries the event's id. Marketo does not recognise a "
        "repeat (§2.4): with it, campaigns and people can.",
    )
    attributes: dict[FieldName, FieldName | None] = Field(
        default_factory=dict, description="Attributes by the names that flows use -> API names; null leaves one out."
    )


class ObjectType(Section):
    """A custom object: its API name and what makes two records the same (§2.7)."""

    api_name: FieldName = Field(description="API name of the object, such as order_c.")
    dedupe_fields: tuple[FieldName, ...] = Field(
        min_length=1, max_length=3, description="Its dedupe fields; every record must have them."
    )
    customer_field: FieldName | None = Field(
        None, description="Its field that takes the customer id: the link to the lead, or a part of the key."
    )
    fields: dict[FieldName, FieldName | None] = Field(
        default_factory=dict, description="Fields by the names that flows use -> API names; null leaves one out."
    )


class MarketoConfig(SinkConfig, MarketoAccount):
    """One subscription of Marketo: where it is, our service, the site's names, and how much a request carries."""

    lookup_field: FieldName | None = Field(
        None, description="Field by which upserts find a lead; without it, customer_id_field (§2.1)."
    )
    partition: str | None = Field(
        None, min_length=1, max_length=255, description="Lead partition of upserts; without it, the primary one (§2.1)."
    )
    campaigns: dict[str, _Id] = Field(
        default_factory=dict, description="Trigger campaigns that flows may request: our name -> campaign id (§2.5)."
    )
    lists: dict[str, _Id] = Field(
        default_factory=dict, description="Static lists that flows may change: our name -> list id (§2.8)."
    )
    activities: dict[str, ActivityType] = Field(
        default_factory=dict, description="Custom activity types that flows may add: our name -> type (§2.4)."
    )
    objects: dict[str, ObjectType] = Field(
        default_factory=dict, description="Custom objects that flows may write: our name -> object (§2.7)."
    )
    consent: tuple[ConsentRule, ...] = Field(
        default_factory=lambda: (UNSUBSCRIBED,),
        description="Which lead field shows which decision (§6): kind, channel, purpose and subscription_group say "
        "when, field, opted_in, opted_out and reason_field say what is written. PREFERRED_CHANNEL writes the channel.",
        json_schema_extra={"default_text": "e-mail marketing is `unsubscribed`"},
    )
    without_rule: Lacking = Field(
        Lacking.SUPPRESS,
        description="What becomes of a decision that no rule of `consent` is about: suppress (Marketo has no field for "
        "it; counted, with a receipt), or dead_letter where there must be one.",
    )
    without_lead: Lacking = Field(
        Lacking.DEAD_LETTER,
        description="What becomes of a delivery whose customer has no lead: dead_letter, or suppress where not every "
        "customer is in Marketo (counted, with a receipt).",
    )
    verify_consent: bool = Field(
        True,
        description="Read consent fields back after a write, for one request more: Marketo says updated even where "
        "an administrator blocked the field (§6).",
    )
    max_records: int = Field(300, ge=1, le=300, description="Records in one request; 300 by the vendor (§3).")
    max_leads: int = Field(100, ge=1, le=100, description="Leads in one campaign request; 100 by the vendor (§2.5).")
    max_body_bytes: int = Field(
        900_000, ge=131_072, le=1_000_000, description="Bytes of one request; Marketo refuses more than 1 MB (§3)."
    )
    requests_per_20_s: int = Field(
        50,
        ge=1,
        le=100,
        description="Requests of the whole fleet in any 20 seconds; 100 are allowed to all integrations together (§3).",
    )
    requests_per_day: int = Field(
        40_000,
        ge=1,
        description="Requests of all integrations in a day past which the fleet waits: 80 % of the usual 50,000 (§3).",
    )
    settle_after_s: float = Field(
        120,
        ge=0,
        le=3600,
        description="Seconds that Marketo may still act on a request whose answer never came: 90 s at most on its "
        "server, and as much again of doubt as a clock needs (§0.3).",
    )
    max_in_flight: int = Field(
        5,
        ge=2,
        le=10,
        description="Requests at once of the whole fleet, its groups together; Marketo allows 10 to all integrations "
        "together (§3). `commfleet check --workers N` says whether so many workers can share them.",
    )
    linger_s: float = Field(
        1.0, ge=0, le=60, description="Seconds a delivery may wait for company: requests are what is scarce (§3)."
    )
    read_timeout_s: float = Field(
        100, gt=0, le=600, description="Seconds to wait for an answer; Marketo's own limit is 90 (§0.3)."
    )
