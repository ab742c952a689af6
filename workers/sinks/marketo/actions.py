"""What Marketo can be asked to do: the actions, with the limits of a configuration or the vendor's own."""

from pydantic import BaseModel, SecretStr

from workers.sinks.api import Action, Contacts, Repeat
from workers.sinks.marketo import mapping
from workers.sinks.marketo.config import MarketoConfig
from workers.sinks.marketo.parameters import (
    AddActivity,
    ListMembership,
    TriggerCampaign,
    UpdateConsent,
    UpsertLead,
    UpsertObject,
)

UPSERT_LEAD, UPDATE_CONSENT, UPSERT_OBJECT = "upsert_lead", "update_consent", "upsert_object"
ADD_ACTIVITY, TRIGGER_CAMPAIGN = "add_activity", "trigger_campaign"
ADD_TO_LIST, REMOVE_FROM_LIST = "add_to_list", "remove_from_list"

_UNCONFIGURED = MarketoConfig(
    base_url="https://unconfigured.invalid",
    client_id="unconfigured",
    client_secret=SecretStr("unconfigured"),
    customer_id_field="unconfigured",
)


def actions(config: MarketoConfig | None = None) -> dict[str, Action]:
    """The actions by name, with the limits of a configuration or the vendor's own."""
    limits = config or _UNCONFIGURED
    body_bytes = limits.max_body_bytes - mapping.ENVELOPE_BYTES

    def action(
        name: str,
        repeat: Repeat,
        parameters: type[BaseModel],
        contacts: Contacts = Contacts.NOBODY,
        group: str = "main",
    ) -> Action:
        most = limits.max_leads if name == TRIGGER_CAMPAIGN else limits.max_records
        limit, writes = limits.settle_after_s, group == "consent"
        return Action(name, repeat, contacts, parameters, most, body_bytes, limit, group, writes_state=writes)

    made = (
        action(UPSERT_LEAD, Repeat.REPEATABLE, UpsertLead),
        action(ADD_ACTIVITY, Repeat.ONCE, AddActivity),
        action(TRIGGER_CAMPAIGN, Repeat.ONCE, TriggerCampaign, Contacts.CUSTOMER),
        action(ADD_TO_LIST, Repeat.REPEATABLE, ListMembership),
        action(REMOVE_FROM_LIST, Repeat.REPEATABLE, ListMembership),
        action(UPSERT_OBJECT, Repeat.REPEATABLE, UpsertObject),
        action(UPDATE_CONSENT, Repeat.REPEATABLE, UpdateConsent, group="consent"),
    )
    return {each.name: each for each in made}
