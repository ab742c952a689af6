"""What a flow may read of the customer store: `profile.*`, `consent.channel` and `consent.preferred_channel`.

The fields of the profile have the types that the schemas of profile event and customer record give them. Somebody whom
the store does not know has no profile: `profile: [{exists: false}]` matches, and every field of it is absent.
"""

from collections.abc import Mapping
from typing import Any

from common.store.profile_fields import FACTS, NOT_KEPT
from schemas.fields import Field, field, fields
from workers.flows.fields import EventField

PROFILE, CHANNEL, PREFERRED = "profile", "consent.channel", "consent.preferred_channel"
ENGAGED_AT = "engaged_at"
"""When the customer last did something of their own: the one field of a profile that no event states."""

PROFILE_TOPIC = "comms.profile.v1"
_CUSTOMER = "customer."


def profile_fields(schema: Mapping[str, Any]) -> dict[str, EventField]:
    """By path, what stands under `profile`; `schema` is that of the profile event."""
    stated = [one for name in FACTS if (one := field(schema, name)) is not None]
    known = [one for one in fields(schema) if one.path.startswith(_CUSTOMER) and _name(one) not in NOT_KEPT]
    found = [
        EventField(PROFILE, "record", is_lent=True),
        *(_lent(f"{PROFILE}.{_name(one)}", one) for one in (*stated, *known)),
        EventField(f"{PROFILE}.{ENGAGED_AT}", "timestamp", is_lent=True),
    ]
    return {one.path: one for one in found}


def consent_fields(channels: tuple[str, ...], *, is_asked: bool) -> dict[str, EventField]:
    """By path, what stands under `consent`; the channel is there where the flow asks for one (`is_asked`)."""
    found = [EventField(PREFERRED, "enum", symbols=channels, is_lent=True)]
    if is_asked:
        found.append(EventField(CHANNEL, "enum", nullable=False, symbols=channels, is_lent=True))
    return {one.path: one for one in found}


def _lent(path: str, declared: Field) -> EventField:
    many = declared.kind == "array"
    kind = declared.items or "string" if many else declared.kind
    return EventField(path, kind, True, declared.symbols, declared.pii, many, is_lent=True)


def _name(declared: Field) -> str:
    return declared.path.rpartition(".")[2]
