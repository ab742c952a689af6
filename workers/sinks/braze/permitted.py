"""Whether a key may make an action, asked by a write of nothing (§1.2).

That a key's permissions are looked at before the content is what the sandbox does; no real account has confirmed it.
An empty write contacts nobody either way: it names neither a recipient nor a campaign to broadcast (§2.4).
"""

from contextlib import nullcontext

from common.errors import AmbiguousError, NotSentError
from common.http import Answer
from workers.sinks.api import Action, Answered, Hold
from workers.sinks.braze.actions import SEND_TRANSACTIONAL
from workers.sinks.braze.answers import judge
from workers.sinks.braze.client import BrazeClient
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.rules import Asked
from workers.vendors.answered import Failure
from workers.vendors.braze.rate import Patience

_ABOUT_THE_KEY = frozenset(
    {"not_authenticated", "address_not_allowed", "not_permitted", "unauthorised", "edge_page", "forbidden"}
)


def permitted(client: BrazeClient, action: Action, config: BrazeConfig, patience: Patience) -> Hold | None:
    """Why the key may not; None when it may, or where no transactional campaign is set: the path needs one."""
    campaign = next(iter(config.transactional_campaigns.values()), None)
    if action.name == SEND_TRANSACTIONAL and campaign is None:
        return None
    judgement = judge(_asked(client, action.name, campaign or ""), Asked("nothing", 0, is_repeatable=True), patience)
    if judgement.row in _ABOUT_THE_KEY and isinstance(judgement.outcome, Hold):
        return judgement.outcome
    return judgement.outcome.hold if isinstance(judgement.outcome, Answered) else None


def _asked(client: BrazeClient, action: str, campaign: str) -> Answer | Failure:
    try:
        return client.nothing(action, campaign, nullcontext)
    except (NotSentError, AmbiguousError) as error:
        return error
