"""Whether our service's role may make an action, asked by a write without a record (§1).

That 603 comes before a complaint about the content is what the sandbox does; no real account has confirmed it. Without
a record nothing is written either way. Each such call counts in the quota (§3).
"""

from collections.abc import Hashable
from typing import Any

from workers.sinks.api import Action, Hold
from workers.sinks.marketo.answers import judge
from workers.sinks.marketo.client import MarketoClient
from workers.sinks.marketo.config import MarketoConfig
from workers.sinks.marketo.requests import CampaignCall, LeadsCall, ListCall, ObjectCall, write
from workers.sinks.marketo.rules import Asked
from workers.vendors.marketo.waits import Waits

_NOTHING: Any = object()


def permitted(client: MarketoClient, action: Action, config: MarketoConfig, waits: Waits) -> Hold | None:
    """Why the role may not; None when it may, or where the settings name nothing that the call could be about."""
    call = _call(action.name, config)
    if call is _NOTHING:
        return None
    reply = client.call(write(call, [], is_removal=action.name == "remove_from_list"), "probe")
    if isinstance(reply, Hold):
        return reply
    judgement = judge(reply, Asked(0, ""), waits)
    return judgement.outcome if judgement.row == "denied" and isinstance(judgement.outcome, Hold) else None


def _call(action: str, config: MarketoConfig) -> Hashable:
    match action:
        case "add_activity":
            return None
        case "trigger_campaign":
            return next((CampaignCall(number, ()) for number in config.campaigns.values()), _NOTHING)
        case "add_to_list" | "remove_from_list":
            return next((ListCall(number) for number in config.lists.values()), _NOTHING)
        case "upsert_object":
            return next((ObjectCall(each.api_name) for each in config.objects.values()), _NOTHING)
        case _:
            return LeadsCall("updateOnly", config.customer_id_field, None)
