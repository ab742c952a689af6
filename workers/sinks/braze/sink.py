"""Braze as a sink: events, attributes, purchases, campaigns, Canvases, transactional messages, consent.

**One user, several objects.** Lanes keep two deliveries of one key apart, but two keys can be one user
of Braze (a workspace's key and a customer's, say). A trigger takes a user once and uses the last entry
without a word (§2.4), and the order of two attribute objects of one user is nobody's promise (§6). So a
user is in such a request once: what comes second is deferred, certainly unsent, and goes next time.
Events and purchases are counted one by one and travel together. Between two requests on their way at the same
moment Braze promises no order, nor do we between two keys.

**Time between requests.** Braze may process two requests in another order than they were sent in (§6), which would
undo an opt-out, and lets a user enter a Canvas once in a second (§2.5). Such requests keep a distance.
"""

import logging
import random
from collections.abc import Callable, Hashable, Mapping, Sequence

from pydantic import BaseModel

from common.clock import Clock
from common.errors import AmbiguousError, NotSentError
from common.event import Event
from common.http import Answer, HttpClient, RequestMeter
from workers.rotation import Latest
from workers.sinks.api import (
    Action,
    Answered,
    Batch,
    Count,
    Deferred,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Repeat,
    Unsure,
    WindowKind,
)
from workers.sinks.braze import consent, mapping, purchases, sends
from workers.sinks.braze.actions import (
    RECORD_PURCHASE,
    SEND_TRANSACTIONAL,
    SET_SUBSCRIPTION,
    TRACK_EVENT,
    TRIGGER_CAMPAIGN,
    TRIGGER_CANVAS,
    UPDATE_ATTRIBUTES,
    UPDATE_EMAIL_STATUS,
    actions,
)
from workers.sinks.braze.answers import Judgement, judge, judge_probe
from workers.sinks.braze.client import BrazeClient
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.consent import GroupWrite, StatusWrite
from workers.sinks.braze.mapping import Piece
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
from workers.sinks.braze.permitted import permitted
from workers.sinks.braze.rules import MESSAGE, RECIPIENTS, Asked
from workers.sinks.braze.spacing import Spacing
from workers.sinks.braze.told import Told
from workers.sinks.spread import first_of_each, spread
from workers.vendors.braze.rate import Patience

NAME = "braze"

_CANVAS_SPACING_S = 2.0  # §2.5: a second, and one more for what the requests wait at Braze
_ARRAYS = {
    TRACK_EVENT: "events", UPDATE_ATTRIBUTES: "attributes", RECORD_PURCHASE: "purchases",
    TRIGGER_CAMPAIGN: RECIPIENTS, TRIGGER_CANVAS: RECIPIENTS, SEND_TRANSACTIONAL: MESSAGE,
    SET_SUBSCRIPTION: "users", UPDATE_EMAIL_STATUS: "emails",
}  # fmt: skip
_COUNTED = frozenset({TRACK_EVENT, RECORD_PURCHASE})
_TRACKED = _COUNTED | {UPDATE_ATTRIBUTES}
_INDEXED = frozenset({"events", "attributes", "purchases", RECIPIENTS})
_NAMED = {
    TRIGGER_CAMPAIGN: ("campaign", "campaigns"),
    TRIGGER_CANVAS: ("canvas", "canvases"),
    SEND_TRANSACTIONAL: ("campaign", "transactional_campaigns"),
    SET_SUBSCRIPTION: ("subscription_group", "subscription_groups"),
}
_NOBODY: Mapping[int, Deferred] = {}

log = logging.getLogger(__name__)


class BrazeSink:
    """Implements `workers.sinks.api.Sink`; `deliver` and `probe` are called from several threads."""

    name = NAME

    def __init__(self, config: BrazeConfig, client: BrazeClient, patience: Patience, clock: Clock) -> None:
        self._config, self._client, self._patience = config, client, patience
        self._told = Told(patience, clock.monotonic)
        distant = Spacing(config.consent_spacing_s, clock.monotonic)
        self._spacings: Mapping[str, Spacing] = {
            TRIGGER_CANVAS: Spacing(_CANVAS_SPACING_S, clock.monotonic),
            SET_SUBSCRIPTION: distant,
            UPDATE_EMAIL_STATUS: distant,
        }
        self.actions: Mapping[str, Action] = actions(config)
        burst, hour = Limit(config.requests_per_3s, 3), config.requests_per_hour
        counted = [Limit(hour, 3600, WindowKind.ALIGNED, is_counted=True)] if hour else []
        self.limits: Sequence[Limit] = (burst, *counted)
        self.at_once: int | None = None

    @classmethod
    def connect(
        cls,
        config: BrazeConfig,
        clock: Clock,
        meter: RequestMeter | None = None,
        latest: Latest[BrazeConfig] | None = None,
    ) -> "BrazeSink":
        """A sink with connections of its own; nothing is contacted yet."""
        client = BrazeClient(config, HttpClient(config.http_limits(), meter), latest)
        return cls(config, client, Patience(clock.now, random.random), clock)

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """What is wrong with a flow's parameters before any event is seen, each with the way out.

        `possible` tells every text that a parameter can become, or None when that is unbounded.
        """
        if action.name not in _NAMED:
            return []
        parameter, setting = _NAMED[action.name]
        ids: Mapping[str, str] = getattr(self._config, setting)
        known = ", ".join(sorted(ids)) or "none"
        return [
            f"{parameter} {name!r} has no API identifier in sinks.braze.{setting} (known: {known}); add it"
            for name in possible(parameter) or ()
            if name not in ids
        ]

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """Map an event to one object or recipient; raises UnusableEventError with a Reason."""
        match parameters:
            case TrackEvent():
                return mapping.track_event(event, parameters, self._config)
            case UpdateAttributes():
                return mapping.update_attributes(event, parameters, self._config)
            case RecordPurchase():
                return purchases.record_purchase(event, parameters, self._config)
            case TriggerCampaign():
                return mapping.trigger_campaign(event, parameters, self._config)
            case TriggerCanvas():
                return sends.trigger_canvas(event, parameters, self._config)
            case SendTransactional():
                return sends.send_transactional(event, parameters, self._config)
            case SetSubscription():
                return consent.set_subscription(event, parameters, self._config)
            case UpdateEmailStatus():
                return consent.update_email_status(event, parameters)
        raise TypeError(f"{action.name} has no parameters of type {type(parameters).__name__}")

    def deliver(self, batch: Batch) -> Outcome:
        """Make the one request of a batch; raises GateClosedError when nothing may be sent."""
        pieces: Sequence[Piece] = [item.body for item in batch.items]
        early = self._too_early(batch, pieces)
        sent = list(range(len(pieces))) if batch.action.name in _COUNTED else _travelling(pieces, early)
        outcome = self._sent(batch, [pieces[position] for position in sent]) if sent else Answered([])
        return outcome if len(sent) == len(pieces) else spread(outcome, sent, early, len(pieces))

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """Never asked: Braze has no read that tells whether one request was taken (§6)."""
        raise NotImplementedError(f"braze.{action.name} cannot be looked up ({len(items)} items)")

    def counted(self, spend: Callable[[], None]) -> Count | None:
        """What the last answers told of the hour (§4): no request of ours could ask."""
        del spend
        return self._told.count()

    def probe(self, action: Action) -> Hold | None:
        """Ask whether Braze is well by `GET /campaigns/list`: it reads, and all actions share its host and key.

        It cannot tell whether one campaign or one permission was corrected; the trial that follows does.
        """
        del action
        try:
            return judge_probe(self._client.campaigns(), self._patience)
        except (NotSentError, AmbiguousError) as error:
            return judge_probe(error, self._patience)

    def permitted(self, action: Action) -> Hold | None:
        """Whether the key may make an action (`workers.check_sink.Permits`), by a write of nothing."""
        return permitted(self._client, action, self._config, self._patience)

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def _too_early(self, batch: Batch, pieces: Sequence[Piece]) -> Mapping[int, Deferred]:
        spacing = self._spacings.get(batch.action.name)
        return spacing.take(_spaced(batch, pieces)) if spacing else _NOBODY

    def _space(self, batch: Batch, pieces: Sequence[Piece], outcome: Outcome) -> None:
        """The time to the next request counts from the answer; of what was refused or held, nothing was processed."""
        if spacing := self._spacings.get(batch.action.name):
            note = spacing.sent if isinstance(outcome, Answered) else spacing.give_back
            note(_spaced(batch, pieces))

    def _sent(self, batch: Batch, pieces: Sequence[Piece]) -> Outcome:
        array = _ARRAYS[batch.action.name]
        asked = Asked(array, len(pieces), batch.action.repeat is Repeat.REPEATABLE, array in _INDEXED)
        answer = self._post(batch, pieces)
        if isinstance(answer, Answer) and batch.action.name in _TRACKED:
            self._told.heard(answer.headers)
        judgement = judge(answer, asked, self._patience)
        self._space(batch, pieces, judgement.outcome)
        _tell(batch.action, judgement)
        return sends.with_send_id(judgement.outcome, pieces) if array == MESSAGE else judgement.outcome

    def _post(self, batch: Batch, pieces: Sequence[Piece]) -> Answer | NotSentError | AmbiguousError:
        objects, permit, shared_by = [piece.data for piece in pieces], batch.permit, batch.shared_by
        try:
            match batch.action.name:
                case "trigger_campaign":
                    return self._client.trigger(str(shared_by), objects, permit)
                case "trigger_canvas":
                    return self._client.canvas(str(shared_by), objects, permit)
                case "send_transactional":
                    (body,) = objects
                    return self._client.transactional(str(shared_by), body, permit)
            if isinstance(shared_by, GroupWrite | StatusWrite):
                return self._client.consent(shared_by, objects, permit)
            return self._client.track(_ARRAYS[batch.action.name], objects, permit)
        except (NotSentError, AmbiguousError) as error:
            return error


def _travelling(pieces: Sequence[Piece], early: Mapping[int, Deferred]) -> list[int]:
    """The positions at which each user stands first, without those that have to wait; usually all."""
    if not early and len({piece.user for piece in pieces}) == len(pieces):
        return list(range(len(pieces)))
    return first_of_each((position, piece.user) for position, piece in enumerate(pieces) if position not in early)


def _spaced(batch: Batch, pieces: Sequence[Piece]) -> list[Hashable]:
    """What of each piece is not to be written again soon: a user in a Canvas, a group, or an address as a whole."""
    shared_by = batch.shared_by
    place = shared_by.group_id if isinstance(shared_by, GroupWrite) else batch.action.name
    return [(place if isinstance(shared_by, GroupWrite | StatusWrite) else shared_by, piece.user) for piece in pieces]


def _tell(action: Action, judgement: Judgement) -> None:
    """Say what no verdict shows: Braze complained and named nobody."""
    if judgement.row == "named_nobody_once":
        log.warning(
            "braze %s: the answer has errors that name no object; all count as delivered (vendor page §5)",
            action.name,
        )
