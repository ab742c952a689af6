"""Whether a delivery may be sent, given what the customer store said: pure.

Asked before each send: of a new delivery, after each wait, of what was parked and of what is redriven.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from common.event import Event
from common.reasons import Reason
from common.store.look_ups import Decided, Known
from common.store.times import micros
from workers.consent.allow import Consent
from workers.consent.config import ConsentSettings
from workers.consent.freshness import too_old_because
from workers.flows.flow import Flow
from workers.flows.wanted import Wanted
from workers.sinks.told import Question, Told, who_of, wish_of
from workers.sinks.verdict import Rejected, Suppressed

CONSENT_TOPIC = "comms.consent.v1"


_NOTHING: Mapping[str, Any] = {}


class Leave(NamedTuple):
    """Leave to send, good until `until` (monotonic): `added` is what the flow reads of the store, beside the event."""

    added: Mapping[str, Any] = _NOTHING
    until: float = inf

    def value(self, event: Event) -> Mapping[str, Any]:
        """The event as its flow reads it."""
        return {**event.value, **self.added} if self.added else event.value


@dataclass(frozen=True, slots=True)
class Stale:
    """The store is behind: nobody may be contacted on what it knows. To be asked again."""

    detail: str


Judged = Leave | Suppressed | Rejected | Stale


def compares(flow: Flow) -> bool:
    """Whether a flow writes what was decided, which an older decision must not overwrite."""
    return flow.topic == CONSENT_TOPIC and flow.action.writes_state


def question_of(flow: Flow, event: Event) -> Question:
    """What the store is asked for a delivery."""
    wish = wish_of(event) if flow.topic == CONSENT_TOPIC and compares(flow) else None
    return Question(who_of(event) if flow.asks else None, wish)


class Leaves:
    """The consent rules of a site, held against deliveries."""

    def __init__(self, settings: ConsentSettings) -> None:
        self._consent, self._max_age_s = Consent(settings), settings.max_age_s

    def judge(self, flow: Flow, event: Event, told: Told, now: float) -> Judged:
        """What becomes of a delivery at the monotonic time `now`."""
        kept: Leave | None = told.leaves.get(flow)
        if kept is not None and now < kept.until:
            return kept
        if told.decided is not None and _is_overtaken(event, told.decided):
            return Suppressed(Reason.SUPERSEDED)
        if told.is_erased:
            return Suppressed(Reason.CONSENT)
        if flow.consent is None:
            return Leave(self._added(told)) if flow.asks else Leave()
        if told.known is None:
            return Rejected(Reason.MISSING_CUSTOMER, f"flow {flow.name} asks for consent, and the event names nobody")
        if why := too_old_because(None if told.fresh_s is None else now - told.fresh_s, self._max_age_s):
            return Stale(why)
        return self._allowed(flow, flow.consent, event, told, told.known)

    def _allowed(self, flow: Flow, wanted: Wanted, event: Event, told: Told, known: Known) -> Judged:
        until = (told.fresh_s or 0.0) + self._max_age_s
        if wanted.fixed is not None and not flow.with_.reads_store:
            if self._channel(wanted.purpose, wanted.fixed, told, known) is None:
                return Suppressed(Reason.CONSENT)
            leave = Leave(until=until)
            if told.decided is None:  # nothing of this event counted
                told.leaves[flow] = leave
            return leave
        added = self._added(told)
        channel = self._channel(wanted.purpose, wanted.by({**event.value, **added}), told, known)
        added["consent"]["channel"] = channel
        return Leave(added, until) if channel is not None else Suppressed(Reason.CONSENT)

    def _added(self, told: Told) -> dict[str, Any]:
        """The profile and the preferred channel."""
        if () not in told.channels:
            told.channels[()] = self._consent.preferred_channel(told.known) if told.known is not None else None
        return {"profile": told.profile, "consent": {"preferred_channel": told.channels[()]}}

    def _channel(self, purpose: str, channels: Sequence[str], told: Told, known: Known) -> str | None:
        key = (purpose, *channels)
        if key not in told.channels:
            told.channels[key] = self._consent.first_allowed(known, purpose, channels)
        return told.channels[key]


def _is_overtaken(event: Event, by: Decided) -> bool:
    """Whether something else was decided later. The same again is no news: nobody may have been told of it anew."""
    value = event.value
    state = value["preferred_channel"] if value["kind"] == "PREFERRED_CHANNEL" else value["state"]
    return str(state) != by.state and micros(value["effective_at"]) < by.effective_at
