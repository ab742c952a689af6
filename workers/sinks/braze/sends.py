"""Event and parameters -> a recipient of a Canvas (§2.5), or one transactional message (§2.7). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from common.errors import UnusableEventError
from common.event import Event
from common.light import light
from common.reasons import Reason
from workers.sinks.api import Answered, Delivered, Item, Outcome, Verdict
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.mapping import (
    MAX_TRIGGER_PROPERTIES,
    Piece,
    attributes_of,
    item_of,
    known_user,
    properties_of,
    serialised,
    within,
)
from workers.sinks.braze.parameters import SendTransactional, TriggerCanvas

MAX_CONTEXT = MAX_TRIGGER_PROPERTIES


@light
class Message(Piece):
    """The whole body of a transactional send, and the id by which Braze recognises it."""

    send_id: str


def trigger_canvas(event: Event, parameters: TriggerCanvas, config: BrazeConfig) -> Item:
    """One recipient of a Canvas; recipients of one Canvas share a request.

    With attributes an unknown user is created first; without any, Braze lets nobody unknown in and does not say so.
    """
    user = known_user(event)
    context = properties_of(parameters.context, "context")
    within(context, MAX_CONTEXT, "context")
    attributes = attributes_of(parameters.attributes)
    body = {
        "external_user_id": user.value,
        "context": context,
        "send_to_existing_only": not attributes,
        **({"attributes": attributes} if attributes else {}),
    }
    canvas_id = api_id(config.canvases, parameters.canvas, "canvas", "canvases")
    return item_of(user, body, config.max_object_bytes + MAX_CONTEXT, shared_by=canvas_id)


def send_transactional(event: Event, parameters: SendTransactional, config: BrazeConfig) -> Item:
    """One message, a request of its own. With attributes an unknown user is created, and mailed."""
    user = known_user(event)
    properties = properties_of(parameters.trigger_properties, "trigger_properties")
    within(properties, MAX_TRIGGER_PROPERTIES, "trigger_properties")
    attributes = attributes_of(parameters.attributes)
    campaign_id = api_id(
        config.transactional_campaigns, parameters.campaign, "transactional campaign", "transactional_campaigns"
    )
    send_id = external_send_id(event.value["event_id"], campaign_id, user.value, parameters.send_key)
    body = {
        "external_send_id": send_id,
        "trigger_properties": properties,
        "recipient": {"external_user_id": user.value, **({"attributes": attributes} if attributes else {})},
    }
    item = item_of(user, body, config.max_object_bytes + MAX_TRIGGER_PROPERTIES, shared_by=campaign_id)
    return Item(Message(user, item.body.data, send_id), item.size, campaign_id)


def external_send_id(event_id: str, campaign_id: str, user: str, send_key: str) -> str:
    """The same for each try of one delivery, in the alphabet that §2.7 prescribes.

    What the message says is no part of it: a template that changed between two tries must not send twice.
    """
    parts = serialised([event_id, campaign_id.lower(), user, send_key]).decode()
    return str(uuid5(NAMESPACE_URL, f"braze/external_send_id/{parts}"))


def api_id(known: Mapping[str, Any], name: str, what: str, setting: str) -> str:
    """The identifier that a setting gives a name.

    Constants were checked at start-up: an unknown name was made from the record, and is its fault (§5).
    """
    found = known.get(name)
    if found is None:
        raise UnusableEventError(
            Reason.INVALID_PARAMETER, f"{what} {name[:80]!r} is not in sinks.braze.{setting}; add it, then redrive"
        )
    return str(found)


def with_send_id(outcome: Outcome, pieces: Sequence[Piece]) -> Outcome:
    """The id that we gave a message, beside Braze's own: its postbacks name it (§2.7)."""
    if not isinstance(outcome, Answered):
        return outcome
    verdicts: list[Verdict] = [
        Delivered({**verdict.vendor_ids, "external_send_id": piece.send_id})
        if isinstance(verdict, Delivered) and isinstance(piece, Message)
        else verdict
        for verdict, piece in zip(outcome.verdicts, pieces, strict=True)
    ]
    return Answered(verdicts, outcome.hold)
