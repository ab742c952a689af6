"""The judge: what a vendor's outcome means for each delivery, and for the route it took."""

import logging
import random
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from typing import assert_never

from common.backoff import full_jitter
from common.clock import Clock
from common.reasons import Cause, Reason
from workers.sinks.api import (
    Answered,
    Deferred,
    Delivered,
    Hold,
    Outcome,
    Refused,
    Rejected,
    Repeat,
    Scope,
    Suppressed,
    Unsure,
    Verdict,
)
from workers.sinks.batcher import Draft
from workers.sinks.delivery import Delivery, Doubt
from workers.sinks.dispatcher import Dispatcher, ours
from workers.sinks.flood import Flood
from workers.sinks.ledger import Ended, Ledger
from workers.sinks.meter import Meter
from workers.sinks.naming import withdraw
from workers.sinks.pace import Pace
from workers.sinks.parking import Parker
from workers.sinks.pool import LookedUp, Sent
from workers.sinks.routes import Routes

log = logging.getLogger(__name__)

_CULPRITS = 3
_ASK_AGAIN_S = 5.0
_LOOK_UPS = 5
"""Look-ups that may stay unsure before a person has to look."""


class Judge:
    """Verdicts become settles, waits and holds."""

    def __init__(
        self, dispatcher: Dispatcher, ledger: Ledger, parker: Parker, routes: Routes, pace: Pace, clock: Clock,
        meter: Meter,
    ) -> None:  # fmt: skip
        self._dispatcher, self._ledger, self._parker, self._routes = dispatcher, ledger, parker, routes
        self._pace, self._clock, self._meter = pace, clock, meter
        self._flood = Flood()
        self._culprits: Counter[str] = Counter()
        self._rng = random.Random()

    def ended(self, sent: Sent) -> None:
        """A batch came back: judge what of it is still ours."""
        draft, outcome = ours(sent.draft), sent.outcome
        if len(draft.deliveries) < len(sent.draft.deliveries):
            outcome = _narrowed(sent, outcome)
        self._judge(draft, outcome)

    def looked_up(self, answer: LookedUp) -> None:
        """An unsure delivery was looked up."""
        delivery, found = answer.delivery, answer.found
        if not delivery.window.partition.is_ours:
            return
        if not answer.was_asked:  # the budget's patience, not the vendor's word: no try is spent
            delivery.window.partition.lanes.wait(delivery, self._clock.monotonic() + _ASK_AGAIN_S)
            return
        match found:
            case Delivered():
                self._ledger.resolve([(delivery, found)])
            case None if delivery.doubt is Doubt.OWN or not delivery.is_once:
                self._dispatcher.send_again(delivery)
            case None:
                self._doubt(delivery, "a former owner named it, and its request may still be on its way")
            case Unsure() if delivery.attempts >= _LOOK_UPS and not delivery.is_once:
                self._dispatcher.send_again(delivery)
            case Unsure(reason, detail) if delivery.attempts >= _LOOK_UPS:
                self._doubt(delivery, f"looked up {delivery.attempts} times, last {reason}: {detail}")
            case Unsure(reason):
                self._wait(delivery, reason, None, self._clock.monotonic())
            case _:
                assert_never(found)

    def _judge(self, draft: Draft[Delivery], outcome: Outcome | None) -> None:
        match outcome:
            case Answered(verdicts, hold):
                self._answered(draft, verdicts, hold)
            case Hold():
                self._held(draft, outcome)
                self._dispatcher.give_back(draft)
            case Refused(reason, detail, code) if len(draft.deliveries) <= 1:
                self._opened(draft)
                self._verdicts(draft, [Rejected(reason, detail, code)] * len(draft.deliveries))
                self._culprit(draft, code)
            case Refused():
                self._opened(draft)
                self._dispatcher.bisect(draft)
            case None:
                self._dispatcher.give_back(draft)
            case _:
                assert_never(outcome)

    def _answered(self, draft: Draft[Delivery], verdicts: Collection[Verdict], hold: Hold | None) -> None:
        is_unsure = Unsure in set(map(type, verdicts))
        if hold is None and is_unsure and draft.action.repeat is Repeat.ONCE:
            hold = Hold(Cause.AMBIGUOUS, Scope.ACTION, "an answer to a once-action could not be read")
        if hold is None:
            self._opened(draft)
        else:
            self._held(draft, hold)
        self._verdicts(draft, verdicts)

    def _verdicts(self, draft: Draft[Delivery], verdicts: Collection[Verdict]) -> None:
        """What becomes of each delivery."""
        now = self._clock.monotonic()
        ended: list[Ended] = []
        for delivery, verdict in zip(draft.deliveries, verdicts, strict=True):
            match verdict:
                case Delivered() | Suppressed():
                    ended.append((delivery, verdict))
                case Rejected():
                    self._reject(draft, delivery, verdict)
                case Deferred(reason, retry_after_s):
                    withdraw([delivery])
                    self._wait(delivery, reason, retry_after_s, now)
                case Unsure(reason, detail):
                    self._unsure(delivery, reason, detail, now)
                case _:
                    assert_never(verdict)
        self._count(draft, verdicts)
        if ended:
            self._flood.went_well(draft.action.name)
            self._ledger.resolve(ended)

    def _culprit(self, draft: Draft[Delivery], code: str) -> None:
        """At the third culprit with one code the route is held, and the rest returns unrejected."""
        if not self._dispatcher.is_bisecting:
            self._culprits.clear()
            return
        self._culprits[code] += 1
        if self._culprits[code] >= _CULPRITS:
            detail = (
                f"{_CULPRITS} records of one batch were refused with {code or 'no code'}: mapping or vendor set-up?"
            )
            self._held(draft, Hold(Cause.CONFIGURATION, Scope.ACTION, detail))
            self._dispatcher.stop_bisecting()
            self._culprits.clear()

    def _reject(self, draft: Draft[Delivery], delivery: Delivery, verdict: Rejected) -> None:
        self._ledger.doom(delivery, verdict, "deliver")
        if hold := self._flood.rejected(draft.action.name, verdict.reason, verdict.vendor_code):
            self._held(draft, hold)

    def _unsure(self, delivery: Delivery, reason: Reason, detail: str, now: float) -> None:
        action = delivery.action
        delivery.doubt = Doubt.OWN
        if not delivery.is_once or action.recognises_repeats or action.can_look_up:
            self._wait(delivery, reason, action.settle_after_s, now)
        else:
            self._doubt(delivery, f"{reason}: {detail}")

    def _doubt(self, delivery: Delivery, detail: str) -> None:
        self._ledger.doom(delivery, Rejected(Reason.IN_DOUBT, detail), "deliver")

    def _wait(self, delivery: Delivery, reason: Reason, at_least_s: float | None, now: float) -> None:
        """Keep a lane's head back; past the time we keep trying it needs a person."""
        delivery.attempts += 1
        delivery.first_failed_at = delivery.first_failed_at or self._clock.now()
        age_s = (self._clock.now() - delivery.first_failed_at).total_seconds()
        if age_s >= (self._pace.give_up_once_s if delivery.is_told else self._pace.give_up_s):
            detail = f"deferred {delivery.attempts} times in {age_s:.0f} s, last for {reason}"
            self._ledger.doom(delivery, Rejected(Reason.EXHAUSTED, detail), "deliver")
            return
        backoff_s = full_jitter(delivery.attempts, self._pace.backoff_base_s, self._pace.backoff_cap_s, self._rng)
        wait_s = max(at_least_s or 0.0, backoff_s)
        is_over = age_s + wait_s > self._pace.patience_s
        if is_over and delivery.retried is None and delivery.window.partition.parking_room:
            self._parker.park(delivery, not_before=self._clock.now() + timedelta(seconds=wait_s))
        else:
            delivery.window.partition.lanes.wait(delivery, now + wait_s)

    def _held(self, draft: Draft[Delivery], hold: Hold) -> None:
        if self._routes.hold(draft.action, hold, self._clock.monotonic()):
            log.warning("%s is held (%s): %s", draft.action.name, hold.cause, hold.detail)

    def _opened(self, draft: Draft[Delivery]) -> None:
        for ended in self._routes.answered(draft.action):
            log.info("%s goes on: it was held (%s)", ended.action or "the sink", ended.cause)

    def _count(self, draft: Draft[Delivery], verdicts: Collection[Verdict]) -> None:
        for kind, count in Counter(map(type, verdicts)).items():
            self._meter.attempted(draft.action.name, kind.__name__.lower(), count)


def _narrowed(sent: Sent, outcome: Outcome | None) -> Outcome | None:
    """The verdicts of the deliveries that are still ours."""
    if not isinstance(outcome, Answered):
        return outcome
    pairs = zip(sent.draft.deliveries, outcome.verdicts, strict=True)
    return Answered([verdict for delivery, verdict in pairs if delivery.window.partition.is_ours], outcome.hold)
