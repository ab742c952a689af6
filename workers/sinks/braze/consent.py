"""A consent decision -> a user of a subscription write, or an address of an e-mail status (§2.8). Pure.

Only a plain yes is a yes: any other state, an unknown or absent one included, is written as unsubscribed.
"""

import re
from dataclasses import dataclass
from typing import Literal

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from workers.sinks.api import Item
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.mapping import Address, ExternalId, Piece, known_user, serialised
from workers.sinks.braze.parameters import SetSubscription, UpdateEmailStatus
from workers.sinks.braze.sends import api_id

SUBSCRIBED, UNSUBSCRIBED, OPTED_IN = "subscribed", "unsubscribed", "opted_in"
_YES = {"OPTED_IN": OPTED_IN, "SUBSCRIBED": SUBSCRIBED, "ON": SUBSCRIBED}
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
_MAX_EMAIL = 254
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class GroupWrite:
    """What the users of one subscription write have in common: one group, one state, one way of naming them."""

    group_id: str
    state: str
    named_by: Literal["external_ids", "emails", "phones"]
    double_opt_in: bool = False


@dataclass(frozen=True, slots=True)
class StatusWrite:
    """What the addresses of one e-mail status have in common."""

    state: str


def set_subscription(event: Event, parameters: SetSubscription, config: BrazeConfig) -> Item:
    """One user of a subscription write; the v2 endpoint takes several, and fails as a whole (§2.8)."""
    group_id = api_id(
        config.subscription_groups, parameters.subscription_group, "subscription group", "subscription_groups"
    )
    state = SUBSCRIBED if _answer(parameters.state) else UNSUBSCRIBED
    double_opt_in = parameters.double_opt_in and state == SUBSCRIBED
    if parameters.email:
        who: Address | ExternalId = Address(email(parameters.email))
        return _named(who, GroupWrite(group_id, state, "emails"))
    if parameters.phone:
        return _named(Address(phone(parameters.phone)), GroupWrite(group_id, state, "phones", double_opt_in))
    return _named(known_user(event), GroupWrite(group_id, state, "external_ids", double_opt_in))


def update_email_status(event: Event, parameters: UpdateEmailStatus) -> Item:
    """One address; Braze keeps the state of one that no profile has yet, and applies it later."""
    given = parameters.email or (event.value.get("customer") or {}).get("email")
    if not given:
        raise UnusableEventError(Reason.MISSING_CUSTOMER, "the event has no e-mail address of the customer")
    return _named(Address(email(given)), StatusWrite(_answer(parameters.state) or UNSUBSCRIBED))


def email(text: str) -> str:
    """A plausible address without outer spaces; what Braze would do with another one is not documented."""
    address = text.strip()
    if len(address) > _MAX_EMAIL or not _EMAIL.fullmatch(address):
        raise UnusableEventError(Reason.INVALID_PARAMETER, "email: not an e-mail address")
    return address


def phone(text: str) -> str:
    """A number in E.164; Braze rejects others (§2.8). Spaces, dots and dashes are taken out."""
    number = re.sub(r"[\s().-]", "", text)
    if not _E164.fullmatch(number):
        raise UnusableEventError(Reason.INVALID_PARAMETER, "phone: not a number in E.164, such as +12223334444")
    return number


def _answer(state: str | None) -> str | None:
    """The state of a yes, None for anything else."""
    return _YES.get((state or "").strip().upper())


def _named(user: Address | ExternalId, shared_by: GroupWrite | StatusWrite) -> Item:
    data = serialised(user.value)
    is_address = isinstance(user, Address)
    same = Address(user.value.lower()) if is_address else user
    return Item(Piece(same, data), size=len(data) + 1, shared_by=shared_by)
