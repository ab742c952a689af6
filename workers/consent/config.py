"""Settings of consent: what each purpose may do, who is kept alike, and the read-only door."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from common.settings import Section
from workers.consent.words import Kind
from workers.ingest.auth_config import Auth

_BLOCKING = frozenset({Kind.CONSENT, Kind.PAPERLESS, Kind.SUPPRESSION})


class Basis(StrEnum):
    """What a purpose needs before it may contact a customer by a channel."""

    OPTED_IN = "opted_in"
    SUBSCRIBED = "subscribed"
    NOT_OPTED_OUT = "not_opted_out"
    ALWAYS = "always"


class PurposeRule(Section):
    """What one purpose may do."""

    basis: Basis = Field(
        Basis.NOT_OPTED_OUT,
        description="`opted_in`: an explicit yes; `subscribed`: a yes, or merely subscribed; `not_opted_out`: anybody "
        "who did not object; `always`: objections of kind CONSENT do not count.",
    )
    respects: tuple[Kind, ...] = Field(
        (Kind.PAPERLESS, Kind.SUPPRESSION),
        description="What else forbids: PAPERLESS (no PRINT), SUPPRESSION (this address, or this customer, never).",
    )

    @model_validator(mode="after")
    def _can_block(self) -> Self:
        if strange := [kind for kind in self.respects if kind not in _BLOCKING - {Kind.CONSENT}]:
            raise ValueError(f"respects: {', '.join(strange)} forbids nothing by itself; PAPERLESS and SUPPRESSION do")
        return self


class PurposesSettings(Section):
    """What each purpose may do. A purpose that nobody knows is treated as MARKETING."""

    marketing: PurposeRule = Field(
        default_factory=lambda: PurposeRule(basis=Basis.SUBSCRIBED), description="MARKETING: needs a yes."
    )
    service: PurposeRule = Field(
        default_factory=lambda: PurposeRule(), description="SERVICE: anybody who did not object."
    )
    regulatory: PurposeRule = Field(
        default_factory=lambda: PurposeRule(basis=Basis.ALWAYS),
        description="REGULATORY: must be sent, whatever was said about marketing.",
    )


class ConsentApiSettings(Section):
    """`GET /v1/consent/{customer}`: read-only, for runs that commfleet does not start."""

    host: str = Field("0.0.0.0", min_length=1, description="Address to listen on.")
    port: int = Field(8090, ge=0, le=65535, description="Port to listen on; 0 takes a free one and logs it.")
    callers: dict[str, Auth] = Field(
        default_factory=dict, description="Who may ask, by name, and how each proves it: as sources of the webhook do."
    )


class ConsentSettings(Section):
    """How consent is decided, and what it allows."""

    skew_s: int = Field(
        300, ge=0, le=3600, description="An opt-in must be newer than an opt-out by this: clocks differ."
    )
    max_age_s: float = Field(
        30.0, gt=0, le=3600, description="Older knowledge than this sends nothing: the route is held, consent_stale."
    )
    echo_hours: int = Field(
        24, ge=1, le=168, description="So long a report that says what we wrote to its system is our own echo."
    )
    systems: tuple[str, ...] = Field(
        ("braze", "ecm", "marketo"),
        description="Systems that are kept alike: a decision is written to those that differ.",
    )
    purposes: PurposesSettings = Field(
        default_factory=lambda: PurposesSettings(), description="What each purpose may do."
    )
    api: ConsentApiSettings = Field(default_factory=lambda: ConsentApiSettings(), description="The read-only door.")
