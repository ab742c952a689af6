"""How a sandbox Marketo differs from another one: what the vendor page leaves open is a switch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DEFAULT_CLIENT, DEFAULT_SECRET = "sandbox-client", "sandbox-only-secret"
PERMISSIONS = frozenset(
    {
        "Read-Only Lead",
        "Read-Write Lead",
        "Read-Only Activity",
        "Read-Write Activity",
        "Execute Campaign",
        "Read-Write Custom Object",
        "Read-Only Assets",
    }
)
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """A custom service: its secret, and what the role of its user may do (page §1)."""

    secret: str = DEFAULT_SECRET
    permissions: frozenset[str] = PERMISSIONS


@dataclass(frozen=True, slots=True)
class Campaign:
    """A smart campaign (page §2.5). `nested`: its program lies in another one, so tokens give 611."""

    name: str = "Campaign"
    type: Literal["trigger", "batch"] = "trigger"
    active: bool = True
    qualification: Literal["once", "every"] = "every"
    nested: bool = False


@dataclass(frozen=True, slots=True)
class ActivityKind:
    """A custom activity type (page §2.4)."""

    api_name: str = "custom"
    primary: str = "primary"
    attributes: frozenset[str] | None = None
    approved: bool = True


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A custom object (page §2.7); `link` is (its field, the lead's field) that must match a person."""

    dedupe: tuple[str, ...]
    fields: Mapping[str, str]
    link: tuple[str, str] | None = None


_CUSTOM_FIELDS = {
    "customerNumber": "string",
    "stage": "string",
    "paperless": "boolean",
    **dict.fromkeys(
        ("preferredChannel", "lifecycleStage", "customerType", "productInterest", "riskLevel", "accountManager"),
        "string",
    ),
}
_OBJECTS = {
    "communication_c": ObjectKind(
        ("documentId",),
        {
            **dict.fromkeys(("documentId", "customerNumber", "status", "documentType", "channel"), "string"),
            **dict.fromkeys(("sentAt", "deliveredAt", "failedAt", "openedAt", "respondedAt"), "datetime"),
            **dict.fromkeys(("failure", "response"), "string"),
        },
        ("customerNumber", "customerNumber"),
    )
}


@dataclass(frozen=True, slots=True)
class Options:
    """Switches; the defaults are the page's own.

    `campaigns`, `lists`, `activities`: what exists, by id; None takes every id for one. `custom_fields`: of
    leads, beside the standard ones, with their type. `latency_s`: how long a request takes, counted among
    those at once. `race`: leads are looked for when a request begins and written when it ends, so that
    overlapping upserts make duplicates (page §2.1). `blocked_fields`: reported as updated, and not kept.
    `unknown_trigger_lead`: what a campaign request with an unknown lead gets is not documented.
    `block`: so many entries of the log are looked at for a page, whatever it holds (page §2.10b).
    `rest_resubscribes`: whether a written opt-in undoes a durable unsubscribe is not documented (page §6).
    """

    services: Mapping[str, Service] = field(default_factory=lambda: {DEFAULT_CLIENT: Service()})
    custom_fields: Mapping[str, str] = field(default_factory=lambda: dict(_CUSTOM_FIELDS))
    partitions: frozenset[str] = frozenset({"Default"})
    campaigns: Mapping[int, Campaign] | None = None
    lists: Mapping[int, str] | None = None
    activities: Mapping[int, ActivityKind] | None = None
    objects: Mapping[str, ObjectKind] = field(default_factory=lambda: dict(_OBJECTS))
    blocked_fields: frozenset[str] = frozenset()
    unknown_trigger_lead: Literal["refuse", "ignore"] = "refuse"
    rest_resubscribes: bool = True
    activity_lag_s: float = 0.0
    block: int = 1000
    latency_s: float = 0.0
    race: bool = False
    offset_dates: bool = False
    numeric_codes: bool = False
    token_life_s: float = 3600.0
    rate: int = 100
    concurrency: int = 10
    per_day: int = 50_000
    zone: str = "America/Chicago"
    max_body_bytes: int = MEGABYTE
    keep_received: int = 100_000
    seed: int | None = None
