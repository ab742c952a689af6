"""Braze's Currents become engagement and preference events; pure (braze.md §3.1)."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.feeds import Signal
from workers.ingest.identity import customer_of, usable_id
from workers.ingest.sources.api import Events, NewEvent
from workers.ingest.sources.braze_config import SYSTEM, CurrentsSource, PersonalField
from workers.ingest.sources.envelope import Envelope, actor
from workers.ingest.sources.reading import Block, Text, present, read, text
from workers.ingest.sources.template import ENGAGEMENT, PREFERENCE, is_true, opted_out, state_of
from workers.ingest.sources.words import (
    ActorKind,
    Channel,
    Evidence,
    PreferenceKind,
    PreferenceState,
    Purpose,
    channel_of,
)

_END_OF_TIME = 253_402_300_799
"""The last second of the year 9999, where Python's calendar ends."""

_EMAIL, _MESSAGES = "email.", "users.messages."
_ENGAGEMENTS = {
    "Delivery": ("EMAIL_DELIVERED", None),
    "Open": ("EMAIL_OPENED", None),
    "Click": ("EMAIL_CLICKED", None),
    "Bounce": ("EMAIL_BOUNCED", "hard"),
    "SoftBounce": ("EMAIL_SOFT_BOUNCED", "soft"),
    "MarkAsSpam": ("SPAM_REPORTED", None),
    "Unsubscribe": ("UNSUBSCRIBED", None),
}
_BY_NOBODY = frozenset({"EMAIL_DELIVERED", "EMAIL_BOUNCED", "EMAIL_SOFT_BOUNCED"})
_ASSETS = ("message_variation_name", "canvas_step_name", "message_variation_id", "canvas_step_id")
_GROUP = "users.behaviors.subscriptiongroup.StateChange"
_GLOBAL = "users.behaviors.subscription.GlobalStateChange"
_BY_CUSTOMERS = frozenset({"sdk", "subscription page", "preference center", "inbound message", "list-unsubscribe"})
"""Values of state_change_source that are the customer's own doing; the others are staff's or systems'."""

_PERSONAL = re.compile(
    r"mail|phone|address|identifier|number|_ip|^ip|user_agent|device|body|extras|raw|url|log$|custom_properties"
    r"|ad_id|latitude|longitude|text|title"
)
"""Properties of events without a word of ours that do not go into attributes, which are not masked."""

_ATTRIBUTES = (
    "campaign_id", "canvas_id", "canvas_step_id", "message_variation_id", "send_id", "bounce_reason", "link_id",
    "link_alias", "is_drop", "state_change_source",
)  # fmt: skip


class User(Block):
    """Whom an event is about: ids may be missing, and a transform may have blotted them out."""

    user_id: Text = None
    external_user_id: Text = None
    timezone: Text = None


class CurrentsEvent(Block):
    """One event: seconds since 1970, and properties that differ by type."""

    event_type: str = Field(min_length=1)
    time: Annotated[int, Field(ge=0, le=_END_OF_TIME)]
    id: Text = None
    user: User = Field(default_factory=User)
    properties: dict[str, Any] = Field(default_factory=dict)


def events_in(body: Any) -> list[Any]:
    """The events of one request; raises InvalidEventError when it is no envelope of Currents."""
    events = body.get("events") if isinstance(body, dict) else None
    if not isinstance(events, list):
        raise InvalidEventError([("events", "must be there: a list of events")])
    return events


class CurrentsTranslation:
    """One workspace's way from a Currents event to ours."""

    def __init__(self, config: CurrentsSource) -> None:
        self._config = config

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The events of one event of Braze; raises InvalidEventError naming every missing or wrong field."""
        event = read(CurrentsEvent, signal, "one event of Currents")
        envelope = self._envelope(signal, event, received_at)
        kind = event.event_type.removeprefix(_MESSAGES).removeprefix(_EMAIL)
        if event.event_type == f"{_MESSAGES}{_EMAIL}{kind}" and kind in _ENGAGEMENTS:
            return list(_engagement(kind, event.properties, envelope))
        if event.event_type in (_GROUP, _GLOBAL):
            return [self._state_change(event, envelope)]
        return [NewEvent(ENGAGEMENT, envelope.value("UNKNOWN"))]

    def _envelope(self, signal: Any, event: CurrentsEvent, received_at: datetime) -> Envelope:
        return Envelope(
            SYSTEM,
            self._config.instance,
            usable_id(event.id) or hash_of(canonical_json(signal)),
            datetime.fromtimestamp(event.time, UTC),
            received_at,
            self._customer(event),
            attributes(event),
        )

    def _customer(self, event: CurrentsEvent) -> dict[str, Any] | None:
        """Braze's external_id is the site's own customer id; an anonymous user has none."""
        properties, allowed = event.properties, self._config.personal_data
        known = {
            PersonalField.EMAIL: text(properties.get("email_address")),
            PersonalField.PHONE: text(properties.get("phone_number")),
        }
        personal = {field.value: value for field, value in known.items() if field in allowed}
        user = event.user
        return customer_of(
            SYSTEM, self._config.instance, user.external_user_id, user.user_id, time_zone=user.timezone, **personal
        )

    def _state_change(self, event: CurrentsEvent, envelope: Envelope) -> NewEvent:
        properties = event.properties
        group = text(properties.get("subscription_group_id")) if event.event_type == _GROUP else None
        source = text(properties.get("state_change_source"))
        is_own = (source or "").lower() in _BY_CUSTOMERS
        names = self._config.subscription_groups
        address = properties.get("channel_identifier") or properties.get("email_address")
        said = text(properties.get("channel"))
        channel = channel_of(said)
        value = envelope.value(
            # without a channel a wish would hold for every one of ours, and this one is about none of them
            "UNKNOWN" if said and channel is None else "CHANGED",
            actor=actor(ActorKind.CUSTOMER if is_own else ActorKind.SYSTEM, None if is_own else source),
            kind=(PreferenceKind.SUBSCRIPTION if group else PreferenceKind.CONSENT).value,
            channel=channel.value if channel else None,
            purpose=Purpose.MARKETING.value,
            state=state_of(properties.get("subscription_status")).value,
            subscription_group=names.get(group, group) if group else None,
            address=text(address or properties.get("phone_number")),
            effective_at=envelope.occurred_at,
            evidence=Evidence.EXPLICIT.value,
            proof=source,
        )
        return NewEvent(PREFERENCE, value, signal=Signal.SUBSCRIPTION)


def _engagement(kind: str, properties: Mapping[str, Any], envelope: Envelope) -> Iterator[NewEvent]:
    word, bounce_class = _ENGAGEMENTS[kind]
    value = envelope.value(
        word,
        actor=None if word in _BY_NOBODY else actor(ActorKind.CUSTOMER),
        campaign=_first(properties, "campaign_name", "canvas_name", "campaign_id", "canvas_id"),
        asset=_first(properties, *_ASSETS),
        url=text(properties.get("url")),
        dispatch_id=text(properties.get("dispatch_id")),
        bounce_class=bounce_class,
        automated=is_true(properties.get("machine_open")) or is_true(properties.get("is_suspected_bot_click")),
    )
    yield NewEvent(ENGAGEMENT, value, signal=_SIGNALS.get(kind, Signal.EMAIL_ENGAGEMENT))
    address = text(properties.get("email_address"))
    if kind == "Unsubscribe":
        yield opted_out(envelope, Signal.UNSUBSCRIBE, address, "unsubscribed")
    elif kind in ("Bounce", "MarkAsSpam"):
        yield _suppressed(envelope, address, "hard bounce" if kind == "Bounce" else "spam report")


_SIGNALS = {"Unsubscribe": Signal.UNSUBSCRIBE, "MarkAsSpam": Signal.SUPPRESSION}


def _suppressed(envelope: Envelope, address: str | None, proof: str) -> NewEvent:
    """The address is not to be written to any more, whatever its owner's wishes."""
    value = envelope.value(
        "CHANGED",
        "suppression",
        kind=PreferenceKind.SUPPRESSION.value,
        channel=Channel.EMAIL.value,
        state=PreferenceState.ON.value,
        address=address,
        effective_at=envelope.occurred_at,
        evidence=Evidence.EXPLICIT.value,
        proof=proof,
    )
    return NewEvent(PREFERENCE, value, signal=Signal.SUPPRESSION)


def attributes(event: CurrentsEvent) -> dict[str, str]:
    """The ids that lead back to Braze; of a type that we have no word for, every property that is not personal."""
    properties = event.properties
    if event.event_type in _KNOWN:
        properties = {name: properties.get(name) for name in _ATTRIBUTES}
    kept = {name: value for name, value in properties.items() if not _is_personal(name, value)}
    return present({**kept, "event_type": event.event_type})


def _is_personal(name: str, value: Any) -> bool:
    return bool(_PERSONAL.search(name.lower())) or "@" in str(value)


_KNOWN = frozenset({_GROUP, _GLOBAL, *(f"{_MESSAGES}{_EMAIL}{kind}" for kind in _ENGAGEMENTS)})


def _first(properties: Mapping[str, Any], *names: str) -> str | None:
    return next((said for name in names if (said := text(properties.get(name)))), None)
