"""Event and parameters -> what one delivery puts into a request to Braze: events, attributes, campaigns. Pure.

**Who.** `customer.braze_external_id`, else the site's own `customer_id`, is Braze's external_id. A
substitute (`marketo:<instance>:<lead>`) is never one: it would become the external_id of a profile that
is a duplicate for ever (§2.1). It is a user_alias, labelled with the source's name, for attributes only:
Braze creates a profile for an alias from an attributes object and from nothing else. An event, and a
campaign trigger, for an unknown alias are answered "success" and dropped (§2.1, §2.4), so nobody could
say that they were delivered: they are unusable (missing_customer) until the customer is known. Braze's
own substitutes are unusable too: an alias would make a second profile of one that exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from common.errors import UnusableEventError
from common.event import Event
from common.light import light
from common.reasons import Reason
from common.rfc3339 import in_milliseconds
from workers.sinks.api import Item
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.parameters import EVENT_ID, TrackEvent, TriggerCampaign, UpdateAttributes
from workers.sinks.braze.values import MAX_STRING, attribute_value, property_value

MAX_EXTERNAL_ID = 987
MAX_ALIAS = 236
MAX_EVENT_PROPERTIES = 102_400
MAX_TRIGGER_PROPERTIES = 51_200
_OWN_SUBSTITUTES = "braze"


@light
class ExternalId:
    """A user by the site's own id."""

    value: str

    def __hash__(self) -> int:
        """A dataclass's own makes a tuple first: there is one a delivery."""
        return hash(self.value)


@dataclass(frozen=True, slots=True)
class Alias:
    """A user by an id that only `label` (a source) knows."""

    label: str
    name: str


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """An e-mail address or a phone number: whoever has it."""

    value: str


@light
class Piece:
    """One object of an array, or one recipient, serialised; `user` tells whether two are of one user."""

    user: ExternalId | Alias | Address
    data: bytes

    def __repr__(self) -> str:
        """Nothing of the user."""
        return f"{type(self).__name__}({len(self.data)} bytes)"


def track_event(event: Event, parameters: TrackEvent, config: BrazeConfig) -> Item:
    """A custom event (§2.1); `properties.event_uuid` is the event's own id, to recognise a repeat by (§5)."""
    user = known_user(event)
    properties = properties_of(parameters.properties, "properties")
    properties[EVENT_ID] = event.value["event_id"]
    within(properties, MAX_EVENT_PROPERTIES, "properties")
    moment = parameters.time or event.value["occurred_at"]
    body = {
        "external_id": user.value,
        "name": parameters.name,
        "time": in_milliseconds(moment),
        "properties": properties,
    }
    return item_of(user, body, config.max_object_bytes)


def update_attributes(event: Event, parameters: UpdateAttributes, config: BrazeConfig) -> Item:
    """The latest values of a user's attributes; an unknown user is created (§2.1)."""
    user = user_of(event)
    body = _identification(user)
    body.update(attributes_of(parameters.attributes))
    return item_of(user, body, config.max_object_bytes)


def trigger_campaign(event: Event, parameters: TriggerCampaign, config: BrazeConfig) -> Item:
    """One recipient of a campaign (§2.4); recipients of one campaign share a request.

    With attributes an unknown user is created first: in one request, since a separate one may be
    applied minutes later (§4).
    """
    user = known_user(event)
    properties = properties_of(parameters.trigger_properties, "trigger_properties")
    within(properties, MAX_TRIGGER_PROPERTIES, "trigger_properties")
    attributes = attributes_of(parameters.attributes)
    body = {
        "external_user_id": user.value,
        "trigger_properties": properties,
        "send_to_existing_only": not attributes,
        **({"attributes": attributes} if attributes else {}),
    }
    campaign_id = config.campaigns.get(parameters.campaign)
    if campaign_id is None:
        # constants were checked at start-up: this name was made from the record, and is its fault (§5)
        raise UnusableEventError(
            Reason.INVALID_PARAMETER,
            f"campaign {parameters.campaign[:80]!r} is not in sinks.braze.campaigns; add it, then redrive",
        )
    return item_of(user, body, config.max_object_bytes + MAX_TRIGGER_PROPERTIES, shared_by=campaign_id)


def user_of(event: Event) -> ExternalId | Alias:
    """Who the event is about, as Braze knows them; raises UnusableEventError(missing_customer)."""
    customer: Mapping[str, Any] = event.value.get("customer") or {}
    if braze_id := customer.get("braze_external_id"):
        return _external_id(braze_id)
    customer_id: str = customer.get("customer_id") or ""
    if not customer_id:
        raise _missing("the event names no customer")
    return _external_id(customer_id) if customer.get("resolved") else _alias(customer_id)


def known_user(event: Event) -> ExternalId:
    """The user by an external_id; raises UnusableEventError(missing_customer) for a substitute."""
    user = user_of(event)
    if isinstance(user, Alias):
        raise _missing(f"the customer is known to {user.label} only; Braze drops this silently for an alias")
    return user


def _external_id(value: str) -> ExternalId:
    if 4 * len(value) > MAX_EXTERNAL_ID and len(value.encode("utf-8", "replace")) > MAX_EXTERNAL_ID:
        raise UnusableEventError(Reason.OVERSIZED, f"customer: an external_id over {MAX_EXTERNAL_ID} bytes")
    return ExternalId(value)


def _alias(substitute: str) -> Alias:
    label, _, name = substitute.partition(":")
    if not label or not name:
        raise _missing("the customer_id is a substitute without its source in front")
    if label == _OWN_SUBSTITUTES:
        raise _missing("the profile in Braze has no external_id; give it one there")
    if max(len(label.encode("utf-8", "replace")), len(name.encode("utf-8", "replace"))) > MAX_ALIAS:
        raise UnusableEventError(Reason.OVERSIZED, f"customer: an alias over {MAX_ALIAS} bytes")
    return Alias(label, name)


def _identification(user: ExternalId | Alias) -> dict[str, Any]:
    if isinstance(user, ExternalId):
        return {"external_id": user.value}
    return {"user_alias": {"alias_name": user.name, "alias_label": user.label}, "_update_existing_only": False}


def properties_of(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Properties of an event, a purchase or a send, as JSON has them."""
    return {
        name: value if type(value) is str and len(value) <= MAX_STRING else property_value(value, f"{path}.{name}")
        for name, value in given.items()
    }


def attributes_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a user, as JSON has them."""
    return {
        name: value if type(value) is str and len(value) <= MAX_STRING else attribute_value(value, name)
        for name, value in given.items()
    }


def within(value: Any, most: int, path: str) -> None:
    """Raise UnusableEventError(oversized) for what serialises to more bytes than Braze takes."""
    size = len(serialised(value))
    if size > most:
        raise UnusableEventError(Reason.OVERSIZED, f"{path}: {size} bytes, Braze takes {most}")


def item_of(user: ExternalId | Alias, body: Mapping[str, Any], most: int, shared_by: str | None = None) -> Item:
    """One object or recipient, serialised; raises UnusableEventError(oversized) over `most` bytes."""
    data = serialised(body)
    if len(data) > most:
        raise UnusableEventError(Reason.OVERSIZED, f"{len(data)} bytes, Braze takes {most} an object")
    return Item(Piece(user, data), size=len(data) + 1, shared_by=shared_by)


def serialised(value: Any) -> bytes:
    """JSON; raises UnusableEventError for what JSON cannot hold."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise UnusableEventError(Reason.INVALID_PARAMETER, f"cannot be written as JSON: {error}") from error


def _missing(why: str) -> UnusableEventError:
    return UnusableEventError(Reason.MISSING_CUSTOMER, why)
