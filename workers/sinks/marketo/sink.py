"""Marketo as a sink: leads, custom activities, campaigns, lists, custom objects, consent.

**One lead, several records.** Lanes keep two deliveries of one key apart, but two keys can be one lead. What
Marketo makes of one lead twice in a request is nobody's promise (§2.1), so it is in a request once: what comes
second is deferred, certainly unsent, and goes next time. Activities are counted one by one and travel together.

**Numbers that went out of date.** A remembered lead number can belong to a lead that was merged away (§2.3).
Marketo then says that there is no such lead: the delivery is deferred, and looks its lead up anew.
"""

import logging
import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from common.clock import Clock
from common.event import Event
from common.http import HttpClient, RequestMeter
from common.reasons import Reason
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
    Refused,
    Rejected,
    Unsure,
    Verdict,
    WindowKind,
)
from workers.sinks.marketo import mapping, requests
from workers.sinks.marketo.actions import (
    ADD_ACTIVITY,
    ADD_TO_LIST,
    REMOVE_FROM_LIST,
    TRIGGER_CAMPAIGN,
    UPDATE_CONSENT,
    UPSERT_OBJECT,
    actions,
)
from workers.sinks.marketo.answers import judge, judge_probe
from workers.sinks.marketo.client import MarketoClient
from workers.sinks.marketo.config import MarketoConfig
from workers.sinks.marketo.leads import Directory, Lead, LeadCache
from workers.sinks.marketo.mapping import Piece
from workers.sinks.marketo.parameters import (
    AddActivity,
    ListMembership,
    TriggerCampaign,
    UpdateConsent,
    UpsertLead,
    UpsertObject,
)
from workers.sinks.marketo.permitted import permitted
from workers.sinks.marketo.readback import ReadBack
from workers.sinks.marketo.rules import Asked
from workers.sinks.marketo.strangers import without_strangers
from workers.sinks.marketo.usage import counted_today
from workers.sinks.spread import first_of_each, spread
from workers.vendors.marketo.waits import Waits

NAME = "marketo"

_LEAD_ID, _ACTIVITY_ID = "lead_id", "activity_id"
_BY_NUMBER = frozenset({ADD_ACTIVITY, TRIGGER_CAMPAIGN, ADD_TO_LIST, REMOVE_FROM_LIST})
_ID_NAMES = {ADD_ACTIVITY: _ACTIVITY_ID, TRIGGER_CAMPAIGN: ""}
_NAMED = {TRIGGER_CAMPAIGN: "campaign", ADD_ACTIVITY: "activity", UPSERT_OBJECT: "object"} | dict.fromkeys(
    (ADD_TO_LIST, REMOVE_FROM_LIST), "list"
)
_SETTINGS = {"campaign": "campaigns", "activity": "activities", "object": "objects", "list": "lists"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sent:
    """What travels: its places in the batch, its pieces, and the leads of those that go by number."""

    places: Sequence[int]
    pieces: Sequence[Piece]
    leads: Sequence[Lead | None]

    def stale(self) -> list[Piece]:
        """Those whose number was not Marketo's own word of just now."""
        return [piece for piece, lead in zip(self.pieces, self.leads, strict=True) if lead and not lead.is_fresh]


class MarketoSink:
    """Implements `workers.sinks.api.Sink`; everything is called from several threads."""

    name = NAME

    def __init__(self, config: MarketoConfig, client: MarketoClient, clock: Clock, waits: Waits) -> None:
        self._config, self._client, self._waits = config, client, waits
        cache = LeadCache(config.lead_cache_size, config.lead_cache_s, clock.monotonic)
        self._directory = Directory(client, config.customer_id_field, cache, waits)
        self._read_back = ReadBack(client)
        self.actions: Mapping[str, Action] = actions(config)
        self.limits: Sequence[Limit] = (
            Limit(config.requests_per_20_s, 20, WindowKind.SLIDING),
            Limit(config.requests_per_day, 86_400, WindowKind.DAY, config.day_zone, is_counted=True),
        )
        self.at_once: int | None = config.max_in_flight

    @classmethod
    def connect(
        cls,
        config: MarketoConfig,
        clock: Clock,
        meter: RequestMeter | None = None,
        latest: Latest[MarketoConfig] | None = None,
    ) -> "MarketoSink":
        """A sink with connections of its own; nothing is contacted yet."""
        waits = Waits(clock.now, random.random, config.day_zone, config.quota_recheck_s)
        client = MarketoClient(config, HttpClient(config.http_limits(), meter), clock, waits, latest)
        return cls(config, client, clock, waits)

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """What is wrong with a flow's parameters before any event is seen, each with the way out.

        `possible` tells every text that a parameter can become, or None when that is unbounded.
        """
        if action.name == UPDATE_CONSENT and not self._config.consent:
            return ["sinks.marketo.consent is empty: no lead field shows any decision; add rules"]
        parameter = _NAMED.get(action.name)
        if parameter is None:
            return []
        known: Mapping[str, object] = getattr(self._config, _SETTINGS[parameter])
        listed = ", ".join(sorted(known)) or "none"
        return [
            f"{parameter} {name!r} is not in sinks.marketo.{_SETTINGS[parameter]} (known: {listed}); add it"
            for name in possible(parameter) or ()
            if name not in known
        ]

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """Map an event to one record; raises UnusableEventError with a Reason."""
        match parameters:
            case UpsertLead():
                return mapping.upsert_lead(event, parameters, self._config)
            case AddActivity():
                return mapping.add_activity(event, parameters, self._config)
            case TriggerCampaign():
                return mapping.trigger_campaign(event, parameters, self._config)
            case ListMembership():
                return mapping.list_membership(event, parameters, self._config)
            case UpsertObject():
                return mapping.upsert_object(event, parameters, self._config)
            case UpdateConsent():
                return mapping.update_consent(event, parameters, self._config)
        raise TypeError(f"{action.name} has no parameters of type {type(parameters).__name__}")

    def deliver(self, batch: Batch) -> Outcome:
        """Make the one request of a batch, after looking up the leads that it needs by number.

        Raises GateClosedError when nothing may be sent, BudgetGoneError when there is no budget for a look-up.
        """
        pieces: Sequence[Piece] = [item.body for item in batch.items]
        found = self._leads(batch, pieces)
        if not isinstance(found, list):
            return found
        known = {place: each for place, each in enumerate(found) if each is not None and not isinstance(each, Lead)}
        sent = _travelling(batch.action.name, pieces, found)
        outcome = self._sent(batch, sent) if sent.places else Answered([])
        return without_strangers(spread(outcome, sent.places, known, len(pieces)), self._config.without_lead)

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """Never asked: activities appear some time after they were taken, so that absence proves nothing (§2.4)."""
        raise NotImplementedError(f"marketo.{action.name} cannot be looked up ({len(items)} items)")

    def counted(self, spend: Callable[[], None]) -> Count | None:
        """Requests of all integrations since the quota's midnight, by the usage call (§3); it counts itself."""
        spend()
        reply = self._client.call(requests.usage_today(), "usage")
        used = None if isinstance(reply, Hold) else counted_today(reply, self._waits.today())
        return None if used is None else Count(used)

    def probe(self, action: Action) -> Hold | None:
        """Ask whether Marketo is well by a look-up that finds nobody: it needs the token and the customer id field.

        It cannot tell whether one campaign or one permission was corrected; the trial that follows does.
        """
        del action
        reply = self._client.call(requests.harmless_read(self._config.customer_id_field), "probe")
        return reply if isinstance(reply, Hold) else judge_probe(reply, self._waits)

    def permitted(self, action: Action) -> Hold | None:
        """Whether our role may make an action, by a write without a record."""
        return permitted(self._client, action, self._config, self._waits)

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def _leads(self, batch: Batch, pieces: Sequence[Piece]) -> list[Lead | Verdict | None] | Outcome:
        if batch.action.name not in _BY_NUMBER:
            return [piece.verdict for piece in pieces]
        found = self._directory.find([piece.who for piece in pieces], batch.spend)
        return list(found) if isinstance(found, list) else found

    def _sent(self, batch: Batch, sent: _Sent) -> Outcome:
        name = batch.action.name
        request = requests.write(batch.shared_by, _rows(name, sent), is_removal=name == REMOVE_FROM_LIST)
        reply = self._client.call(request, name, batch.permit)
        if isinstance(reply, Hold):
            return reply
        judgement = judge(reply, Asked(len(sent.places), _ID_NAMES.get(name, _LEAD_ID)), self._waits)
        _tell(batch.action, judgement.row, judgement.outcome)
        return self._after(batch, sent, judgement.outcome)

    def _after(self, batch: Batch, sent: _Sent, outcome: Outcome) -> Outcome:
        """What Marketo's answer teaches: numbers to remember, numbers to doubt, fields to read back."""
        match outcome:
            case Refused(vendor_code="1004") if stale := sent.stale():
                self._doubt(stale)
                return Answered([Deferred(Reason.VENDOR_ERROR)] * len(sent.places))
            case Answered(verdicts, hold):
                self._learn(batch, sent, verdicts)
                verdicts = [self._unless_stale(*each) for each in zip(sent.pieces, sent.leads, verdicts, strict=True)]
                if batch.action.name == UPDATE_CONSENT and self._config.verify_consent:
                    verdicts = self._read_back.verified(sent.pieces, verdicts, batch.spend)
                return Answered(verdicts, hold)
        return outcome

    def _learn(self, batch: Batch, sent: _Sent, verdicts: Sequence[Verdict]) -> None:
        """A sync that found its leads by customer id names their numbers."""
        call = batch.shared_by
        if not isinstance(call, requests.LeadsCall) or call.lookup_field == "id":
            return
        for piece, verdict in zip(sent.pieces, verdicts, strict=True):
            if isinstance(verdict, Delivered):
                self._directory.learn(piece.who.customer_id, verdict.vendor_ids.get(_LEAD_ID))

    def _unless_stale(self, piece: Piece, lead: Lead | None, verdict: Verdict) -> Verdict:
        if isinstance(verdict, Rejected) and verdict.vendor_code == "1004" and lead and not lead.is_fresh:
            self._doubt([piece])
            return Deferred(Reason.VENDOR_ERROR)
        return verdict

    def _doubt(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._directory.doubt(piece.who)


def _travelling(action: str, pieces: Sequence[Piece], found: Sequence[Lead | Verdict | None]) -> _Sent:
    """The pieces that have what they need, each lead or key once."""
    keyed: list[tuple[int, Hashable]] = []
    for place, (piece, lead) in enumerate(zip(pieces, found, strict=True)):
        if isinstance(lead, Lead):
            keyed.append((place, None if action == ADD_ACTIVITY else lead.number))
        elif lead is None:
            keyed.append((place, piece.key))
    places = first_of_each(keyed)
    leads = [lead if isinstance(lead, Lead) else None for lead in (found[place] for place in places)]
    return _Sent(places, [pieces[place] for place in places], leads)


def _rows(action: str, sent: _Sent) -> list[bytes]:
    name = "leadId" if action == ADD_ACTIVITY else "id"
    return [
        requests.with_id(name, lead.number, piece.row or b"{}") if lead else piece.row
        for piece, lead in zip(sent.pieces, sent.leads, strict=True)
    ]


def _tell(action: Action, row: str, outcome: Outcome) -> None:
    """Say what no verdict shows: an answer that the vendor page does not know."""
    if row in ("unknown_code", "rows_missing"):
        log.warning("marketo %s: an answer that the vendor page does not know (%s)", action.name, row)
    codes = {
        v.vendor_code
        for v in getattr(outcome, "verdicts", ())
        if isinstance(v, Rejected) and v.reason is Reason.REFUSED
    }
    if codes:
        log.warning("marketo %s: codes that the vendor page does not know: %s", action.name, ", ".join(sorted(codes)))
