"""Braze as a sink: track_event, update_attributes, trigger_campaign.

**One user, several objects.** Lanes keep two deliveries of one key apart, but two keys can be one user
of Braze (a workspace's key and a customer's, say). A trigger takes a user once and uses the last entry
without a word (§2.4), and the order of two attribute objects of one user is nobody's promise (§6). So a
user is in such a request once: what comes second is deferred, certainly unsent, and goes next time.
Events are counted one by one and travel together. Between two requests on their way at the same moment
Braze promises no order, nor do we between two keys.
"""

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, SecretStr

from common.clock import Clock
from common.errors import AmbiguousError, NotSentError
from common.event import Event
from common.http import Answer, HttpClient, RequestMeter
from common.reasons import Reason
from workers.sinks.api import (
    Action,
    Answered,
    Batch,
    Contacts,
    Deferred,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Repeat,
    Unsure,
    Verdict,
)
from workers.sinks.braze import mapping
from workers.sinks.braze.answers import Judgement, judge, judge_probe
from workers.sinks.braze.client import BrazeClient
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.mapping import Piece
from workers.sinks.braze.parameters import TrackEvent, TriggerCampaign, UpdateAttributes
from workers.sinks.braze.rate import Patience
from workers.sinks.braze.rules import Asked

NAME = "braze"
TRACK_EVENT, UPDATE_ATTRIBUTES, TRIGGER_CAMPAIGN = "track_event", "update_attributes", "trigger_campaign"

_ENVELOPE_BYTES = 1024  # what a body has beside its objects
_ARRAYS = {TRACK_EVENT: "events", UPDATE_ATTRIBUTES: "attributes", TRIGGER_CAMPAIGN: "recipients"}

_UNCONFIGURED = BrazeConfig(base_url="https://unconfigured.invalid", api_key=SecretStr("unconfigured"))

log = logging.getLogger(__name__)


def actions(config: BrazeConfig | None = None) -> dict[str, Action]:
    """The actions by name, with the limits of a configuration or the vendor's own."""
    limits = config or _UNCONFIGURED
    body_bytes = limits.max_body_bytes - _ENVELOPE_BYTES

    def action(name: str, repeat: Repeat, contacts: Contacts, parameters: type[BaseModel], max_items: int) -> Action:
        return Action(name, repeat, contacts, parameters, max_items, body_bytes, limits.settle_after_s)

    made = (
        action(TRACK_EVENT, Repeat.ONCE, Contacts.NOBODY, TrackEvent, limits.max_objects),
        action(UPDATE_ATTRIBUTES, Repeat.REPEATABLE, Contacts.NOBODY, UpdateAttributes, limits.max_objects),
        action(TRIGGER_CAMPAIGN, Repeat.ONCE, Contacts.CUSTOMER, TriggerCampaign, limits.max_recipients),
    )
    return {each.name: each for each in made}


class BrazeSink:
    """Implements `workers.sinks.api.Sink`; `deliver` and `probe` are called from several threads."""

    name = NAME

    def __init__(self, config: BrazeConfig, client: BrazeClient, patience: Patience) -> None:
        self._config, self._client, self._patience = config, client, patience
        self.actions: Mapping[str, Action] = actions(config)
        self.limits: Sequence[Limit] = (Limit(config.requests_per_3s, 3),)

    @classmethod
    def connect(cls, config: BrazeConfig, clock: Clock, meter: RequestMeter | None = None) -> "BrazeSink":
        """A sink with connections of its own; nothing is contacted yet."""
        client = BrazeClient(config, HttpClient(config.http_limits(), meter))
        return cls(config, client, Patience(clock.now, random.random))

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """What is wrong with a flow's parameters before any event is seen, each with the way out.

        `possible` tells every text that a parameter can become, or None when that is unbounded.
        """
        if action.name != TRIGGER_CAMPAIGN:
            return []
        unknown = [name for name in possible("campaign") or () if name not in self._config.campaigns]
        known = ", ".join(sorted(self._config.campaigns)) or "none"
        return [
            f"campaign {name!r} has no API identifier in sinks.braze.campaigns (known: {known}); add it"
            for name in unknown
        ]

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """Map an event to one object or recipient; raises UnusableEventError with a Reason."""
        match parameters:
            case TrackEvent():
                return mapping.track_event(event, parameters, self._config)
            case UpdateAttributes():
                return mapping.update_attributes(event, parameters, self._config)
            case TriggerCampaign():
                return mapping.trigger_campaign(event, parameters, self._config)
        raise TypeError(f"{action.name} has no parameters of type {type(parameters).__name__}")

    def deliver(self, batch: Batch) -> Outcome:
        """Make the one request of a batch; raises GateClosedError when nothing may be sent."""
        pieces: Sequence[Piece] = [item.body for item in batch.items]
        is_counted = batch.action.name == TRACK_EVENT
        sent = list(range(len(pieces))) if is_counted else first_of_each_user(pieces)
        objects = [pieces[position].data for position in sent]
        asked = Asked(_ARRAYS[batch.action.name], len(sent), batch.action.repeat is Repeat.REPEATABLE)
        judgement = judge(self._post(batch, objects), asked, self._patience)
        _tell(batch.action, judgement)
        return spread(judgement.outcome, sent, len(pieces))

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """Never asked: Braze has no read that tells whether one request was taken (§6)."""
        raise NotImplementedError(f"braze.{action.name} cannot be looked up ({len(items)} items)")

    def used_today(self) -> int | None:
        """None: Braze counts by the hour, and tells it with every answer (§4)."""
        return None

    def probe(self, action: Action) -> Hold | None:
        """Ask whether Braze is well by `GET /campaigns/list`: it reads, and all actions share its host and key.

        It cannot tell whether one campaign or one permission was corrected; the trial that follows does.
        """
        del action
        try:
            return judge_probe(self._client.campaigns(), self._patience)
        except (NotSentError, AmbiguousError) as error:
            return judge_probe(error, self._patience)

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def _post(self, batch: Batch, objects: Sequence[bytes]) -> Answer | NotSentError | AmbiguousError:
        try:
            if batch.action.name == TRIGGER_CAMPAIGN:
                return self._client.trigger(str(batch.shared_by), objects, batch.permit)
            return self._client.track(_ARRAYS[batch.action.name], objects, batch.permit)
        except (NotSentError, AmbiguousError) as error:
            return error


def first_of_each_user(pieces: Iterable[Piece]) -> list[int]:
    """The positions at which each user stands first."""
    firsts: dict[Any, int] = {}
    for position, piece in enumerate(pieces):
        firsts.setdefault(piece.user, position)
    return list(firsts.values())


def spread(outcome: Outcome, sent: Sequence[int], count: int) -> Outcome:
    """The verdicts of what was sent, in the batch's order; what was kept back is deferred."""
    if not isinstance(outcome, Answered) or len(sent) == count:
        return outcome
    verdicts: list[Verdict] = [Deferred(Reason.THROTTLED)] * count
    for position, verdict in zip(sent, outcome.verdicts, strict=True):
        verdicts[position] = verdict
    return Answered(verdicts, outcome.hold)


def _tell(action: Action, judgement: Judgement) -> None:
    """Say what no verdict shows: Braze complained and named nobody."""
    if judgement.row == "named_nobody_once":
        log.warning(
            "braze %s: the answer has errors that name no object; all count as delivered (vendor page §5)",
            action.name,
        )
