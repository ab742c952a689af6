"""The dispatcher: ready deliveries become items, batches and requests; outcomes become verdicts.

It decides what goes to the vendor and what becomes of each delivery; the runner calls it from its one
thread.
"""

import logging
import random
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import assert_never

from common.backoff import full_jitter
from common.clock import Clock
from common.errors import UnusableEventError
from common.reasons import Cause, Reason
from workers.sinks.api import (
    Action,
    Answered,
    Deferred,
    Delivered,
    Hold,
    Outcome,
    Refused,
    Rejected,
    Repeat,
    Scope,
    Sink,
    Suppressed,
    Unsure,
    Verdict,
)
from workers.sinks.batcher import Batcher, Draft
from workers.sinks.delivery import Delivery
from workers.sinks.ledger import Ledger
from workers.sinks.meter import Meter
from workers.sinks.pool import DeliveryPool, Sent
from workers.sinks.routes import RouteHold, Routes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a runner works, in seconds and counts: see SinkConfig for each field's sentence."""

    max_in_flight: int
    linger_s: float
    backoff_base_s: float
    backoff_cap_s: float
    give_up_s: float
    give_up_once_s: float
    drain_s: float


class Dispatcher:
    """Between the lanes and the delivery threads."""

    def __init__(self, sink: Sink, pool: DeliveryPool, ledger: Ledger, pace: Pace, clock: Clock, meter: Meter) -> None:
        self._sink, self._pool, self._ledger = sink, pool, ledger
        self._pace, self._clock, self._meter = pace, clock, meter
        self._rng = random.Random()
        self._batcher: Batcher[Delivery] = Batcher(pace.linger_s)
        self._halves: deque[Draft[Delivery]] = deque()
        self._routes = Routes(pace.backoff_base_s, pace.backoff_cap_s, self._rng)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready to be sent."""
        return not self._halves and not len(self._batcher)

    def holds(self) -> list[RouteHold]:
        """The routes that are held."""
        return self._routes.holds()

    def again(self, deliveries: Iterable[Delivery], now: float) -> None:
        """Heads whose waiting is over are ready once more."""
        for delivery in deliveries:
            self._batcher.add(delivery, now)

    def prepare(self, ready: deque[Delivery], now: float) -> None:
        """Heads of lanes become items; what cannot become one is rejected alone."""
        while ready:
            delivery = ready.popleft()
            try:
                parameters = delivery.flow.parameters(delivery.event.value)
                delivery.item = self._sink.prepare(delivery.action, delivery.event, parameters)
            except UnusableEventError as error:
                self._ledger.doom(delivery, Rejected(error.reason, error.detail), "prepare")
            except Exception:
                log.exception("a bug in flow %s at %s", delivery.flow.name, delivery.record.position)
                self._ledger.doom(
                    delivery, Rejected(Reason.BUG, "our own code failed: see the worker's log"), "prepare"
                )
            else:
                self._batcher.add(delivery, now)

    def probe(self, now: float) -> None:
        """Ask after held routes whose patience is over."""
        for action in self._routes.to_probe(now):
            self._pool.probe(action)

    def dispatch(self, now: float) -> None:
        """Send what is full or has lingered, as far as routes and delivery threads allow."""
        while self._pool.has_room and not self._ledger.is_away:
            draft = self._next_half() or self._batcher.take(now, self._routes.allowance)
            if draft is None:
                return
            self._routes.sent(draft.action)
            self._meter.batched(draft.action.name, len(draft.deliveries))
            self._pool.send(draft)

    def _next_half(self) -> Draft[Delivery] | None:
        """A part of a refused batch, when its route may carry all of it."""
        if self._halves and self._routes.allowance(self._halves[0].action) >= len(self._halves[0].deliveries):
            return self._halves.popleft()
        return None

    def probed(self, action: Action, hold: Hold | None) -> None:
        """A probe came back."""
        self._routes.probed(action, hold, self._clock.monotonic())

    def forget(self) -> None:
        """Drop the deliveries of partitions that were taken away."""
        self._halves = deque(half for draft in self._halves if (half := _ours(draft)).deliveries)
        self._batcher.drop(lambda delivery: not delivery.window.partition.is_ours)

    def ended(self, sent: Sent) -> None:
        """A batch came back: judge what of it is still ours."""
        self._pool.in_flight -= 1
        self._judge(_ours(sent.draft), sent.outcome)

    def _judge(self, draft: Draft[Delivery], outcome: Outcome | None) -> None:
        now = self._clock.monotonic()
        match outcome:
            case Answered(verdicts, hold):
                self._answered(draft, verdicts, hold, now)
            case Hold():
                self._held(draft, outcome, now)
                self._batcher.put_back(draft.deliveries, now)
            case Refused(reason, detail, code) if len(draft.deliveries) <= 1:
                self._verdicts(draft, [Rejected(reason, detail, code)] * len(draft.deliveries), now)
                self._opened(draft)
            case Refused():
                self._halves.extend(draft.halves())
                self._opened(draft)
            case None:
                self._routes.came_back(draft.action)
                self._batcher.put_back(draft.deliveries, now)
            case _:
                assert_never(outcome)

    def _answered(self, draft: Draft[Delivery], verdicts: Collection[Verdict], hold: Hold | None, now: float) -> None:
        is_once = draft.action.repeat is Repeat.ONCE
        if hold is None and is_once and any(isinstance(verdict, Unsure) for verdict in verdicts):
            hold = Hold(Cause.AMBIGUOUS, Scope.ACTION, "an answer to a once-action could not be read")
        if hold is None:
            self._opened(draft)
        else:
            self._held(draft, hold, now)
        self._verdicts(draft, verdicts, now)

    def _verdicts(self, draft: Draft[Delivery], verdicts: Collection[Verdict], now: float) -> None:
        """What becomes of each delivery."""
        ended: list[tuple[Delivery, Delivered | Suppressed]] = []
        for delivery, verdict in zip(draft.deliveries, verdicts, strict=True):
            match verdict:
                case Delivered() | Suppressed():
                    ended.append((delivery, verdict))
                case Rejected():
                    self._ledger.doom(delivery, verdict, "deliver")
                case Deferred(reason, retry_after_s):
                    self._wait(delivery, reason, retry_after_s, now)
                case Unsure(reason, detail) if delivery.action.repeat is Repeat.ONCE:
                    self._ledger.doom(delivery, Rejected(Reason.IN_DOUBT, f"{reason}: {detail}"), "deliver")
                case Unsure(reason):
                    self._wait(delivery, reason, delivery.action.settle_after_s, now)
                case _:
                    assert_never(verdict)
        self._count(draft, verdicts)
        self._ledger.resolve(ended)

    def _wait(self, delivery: Delivery, reason: Reason, at_least_s: float | None, now: float) -> None:
        """Keep a lane's head back; past the time we keep trying it needs a person."""
        delivery.attempts += 1
        delivery.first_failed_at = delivery.first_failed_at or self._clock.now()
        is_once = delivery.action.repeat is Repeat.ONCE
        age_s = (self._clock.now() - delivery.first_failed_at).total_seconds()
        if age_s >= (self._pace.give_up_once_s if is_once else self._pace.give_up_s):
            detail = f"deferred {delivery.attempts} times in {age_s:.0f} s, last for {reason}"
            self._ledger.doom(delivery, Rejected(Reason.EXHAUSTED, detail), "deliver")
            return
        backoff_s = full_jitter(delivery.attempts, self._pace.backoff_base_s, self._pace.backoff_cap_s, self._rng)
        delivery.window.partition.lanes.wait(delivery, now + max(at_least_s or 0.0, backoff_s))

    def _held(self, draft: Draft[Delivery], hold: Hold, now: float) -> None:
        if self._routes.hold(draft.action, hold, now):
            log.warning("%s is held (%s): %s", draft.action.name, hold.cause, hold.detail)

    def _opened(self, draft: Draft[Delivery]) -> None:
        for ended in self._routes.answered(draft.action):
            log.info("%s goes on: it was held (%s)", ended.action or self._sink.name, ended.cause)

    def _count(self, draft: Draft[Delivery], verdicts: Collection[Verdict]) -> None:
        names = [type(verdict).__name__.lower() for verdict in verdicts]
        for name in set(names):
            self._meter.attempted(draft.action.name, name, names.count(name))


def _ours(draft: Draft[Delivery]) -> Draft[Delivery]:
    """A draft without the deliveries of partitions that were taken away meanwhile."""
    if all(delivery.window.partition.is_ours for delivery in draft.deliveries):
        return draft
    return Draft(
        draft.action, draft.shared_by, [delivery for delivery in draft.deliveries if delivery.window.partition.is_ours]
    )
