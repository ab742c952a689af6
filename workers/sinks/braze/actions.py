"""What Braze can be asked to do: the actions, with the limits of a configuration or the vendor's own."""

from pydantic import BaseModel, SecretStr

from workers.sinks.api import Action, Contacts, Repeat
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.parameters import (
    RecordPurchase,
    SendTransactional,
    SetSubscription,
    TrackEvent,
    TriggerCampaign,
    TriggerCanvas,
    UpdateAttributes,
    UpdateEmailStatus,
)

TRACK_EVENT, UPDATE_ATTRIBUTES, RECORD_PURCHASE = "track_event", "update_attributes", "record_purchase"
TRIGGER_CAMPAIGN, TRIGGER_CANVAS, SEND_TRANSACTIONAL = "trigger_campaign", "trigger_canvas", "send_transactional"
SET_SUBSCRIPTION, UPDATE_EMAIL_STATUS = "set_subscription", "update_email_status"

_ENVELOPE_BYTES = 1024  # what a body has beside its objects
_UNCONFIGURED = BrazeConfig(base_url="https://unconfigured.invalid", api_key=SecretStr("unconfigured"))


def actions(config: BrazeConfig | None = None) -> dict[str, Action]:
    """The actions by name."""
    limits = config or _UNCONFIGURED
    body_bytes = limits.max_body_bytes - _ENVELOPE_BYTES
    once, repeatable, nobody, customer = Repeat.ONCE, Repeat.REPEATABLE, Contacts.NOBODY, Contacts.CUSTOMER
    objects, users = limits.max_objects, limits.max_recipients

    def action(
        name: str, repeat: Repeat, contacts: Contacts, parameters: type[BaseModel], most: int, group: str = "main"
    ) -> Action:
        limit, writes = limits.settle_after_s, group == "consent"
        return Action(name, repeat, contacts, parameters, most, body_bytes, limit, group, writes_state=writes)

    transactional = Action(
        SEND_TRANSACTIONAL,
        once,
        customer,
        SendTransactional,
        max_items=1,  # §2.7: one recipient
        max_bytes=body_bytes,
        settle_after_s=limits.settle_after_s,
        recognises_repeats=True,
        recognised_s=limits.transactional_seen_s,
    )
    made = (
        action(TRACK_EVENT, once, nobody, TrackEvent, objects),
        action(UPDATE_ATTRIBUTES, repeatable, nobody, UpdateAttributes, objects),
        action(RECORD_PURCHASE, once, nobody, RecordPurchase, objects),
        action(TRIGGER_CAMPAIGN, once, customer, TriggerCampaign, users),
        action(TRIGGER_CANVAS, once, customer, TriggerCanvas, users),
        transactional,
        action(SET_SUBSCRIPTION, repeatable, nobody, SetSubscription, users, "consent"),
        action(UPDATE_EMAIL_STATUS, repeatable, nobody, UpdateEmailStatus, users, "consent"),
    )
    return {each.name: each for each in made}
