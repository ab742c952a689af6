"""The dispatcher: ready deliveries become items, batches and requests.

It decides what goes to the vendor and when; what comes back is the judge's (judge.py). Once-requests are
named in a commit before they leave (naming.py).
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from common.clock import Clock
from common.reasons import Reason
from workers.sinks.api import Action, Hold, Rejected, Repeat, Sink
from workers.sinks.batcher import Batcher, Draft
from workers.sinks.budget import Budget
from workers.sinks.copies import Copies
from workers.sinks.delivery import Delivery, Doubt
from workers.sinks.ledger import Ledger
from workers.sinks.memory import Memory
from workers.sinks.meter import Meter
from workers.sinks.naming import Naming, withdraw
from workers.sinks.pace import Pace
from workers.sinks.pool import DeliveryPool
from workers.sinks.preparing import Preparer
from workers.sinks.routes import Routes

log = logging.getLogger(__name__)

_ASK_BUDGET_S = 1.0
_NAMED_AHEAD = 2
"""Drafts that may be named beside each request that runs: a commit takes as long as a fast request."""


class Dispatcher:
    """Between the lanes and the delivery threads."""

    def __init__(
        self, sink: Sink, pool: DeliveryPool, ledger: Ledger, naming: Naming, routes: Routes, copies: Copies,
        budget: Budget, memory: Memory, freed: Callable[[Delivery], None], pace: Pace, clock: Clock, meter: Meter,
    ) -> None:  # fmt: skip
        """`freed` takes a delivery that became head of its lane."""
        self._memory, self._asks = memory, memory.concerned
        self._budget, self.freed = budget, freed
        self._budget_at, self._short_at = 0.0, float("-inf")
        self._has_local = any(action.is_local for action in sink.actions.values())
        self._pool, self._ledger, self._naming, self._routes = pool, ledger, naming, routes
        self._pace, self._clock, self._meter = pace, clock, meter
        self._batcher: Batcher[Delivery] = Batcher(pace.linger_s)
        self._preparer = Preparer(sink, ledger, copies, memory, clock, self._batcher.add)
        self._halves: deque[Draft[Delivery]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready to be sent."""
        return not self._halves and not len(self._batcher) and not len(self._naming)

    def prepare(self, ready: deque[Delivery], now: float) -> None:
        """Heads of lanes become items; what cannot become one is rejected alone."""
        self._preparer.prepare(ready, now)

    def again(self, deliveries: Iterable[Delivery], now: float) -> None:
        """Heads whose waiting is over: to be looked up where they are in doubt, else sent once more."""
        for delivery in deliveries:
            if delivery.doubt is not Doubt.NONE and delivery.action.can_look_up:
                self._pool.look_up(delivery)
            else:
                self._once_more(delivery, now)

    def send_again(self, delivery: Delivery) -> None:
        """The vendor certainly did not do it."""
        delivery.doubt = Doubt.NONE
        self._once_more(delivery, self._clock.monotonic())

    def probe(self, now: float) -> None:
        """Ask after held routes whose patience is over."""
        for action in self._routes.to_probe(now):
            self._pool.probe(action)

    def probed(self, action: Action, hold: Hold | None) -> None:
        """A probe came back."""
        self._routes.probed(action, hold, self._clock.monotonic())

    def dispatch(self, now: float) -> None:
        """Send what is full or has lingered, as far as routes and threads allow; once-requests are named first."""
        for late in self._naming.expired(now):
            self._return(late)
        while self._pool.has_room and (named := self._naming.take()):
            self._send_named(named)
        while not self._ledger.is_away and (draft := self._next(now)):
            if self._asks and not (draft := self._with_leave(draft, now)).deliveries:
                self._pool.unpay(draft)
                continue
            if draft.action.repeat is Repeat.ONCE and not self._is_named(draft):
                if not self._naming.name(draft, now):
                    self._pool.unpay(draft)
                    self._give_back_unnamed(draft)
                    return
                self._routes.sent(draft.action)
            else:
                self._routes.sent(draft.action)
                self._send(draft)

    @property
    def is_bisecting(self) -> bool:
        """Whether parts of a refused batch are still to be sent."""
        return bool(self._halves)

    def stop_bisecting(self) -> None:
        """What is left of refused batches goes back, nobody of it rejected."""
        while self._halves:
            self.give_back(self._halves.popleft())

    def bisect(self, draft: Draft[Delivery]) -> None:
        """Send a refused batch again in two parts, to find out for whom it was refused."""
        self._halves.extend(draft.halves())

    def give_back(self, draft: Draft[Delivery]) -> None:
        """A batch that was certainly not sent: un-named, and ready again."""
        withdraw(draft.deliveries)
        self._give_back_unnamed(draft)

    def unname(self) -> None:
        """Partitions are being revoked: what is named and not sent goes back."""
        for draft in self._naming.withdraw_all():
            self._return(draft)

    def forget(self) -> None:
        """Drop the deliveries of partitions that were taken away.

        A draft may hold some of theirs beside others that were kept: no commit would ever name it as a whole.
        """
        self.unname()
        self._halves = deque(half for draft in self._halves if (half := ours(draft)).deliveries)
        self._batcher.drop(lambda delivery: not delivery.window.partition.is_ours)

    def waits_for_budget(self, now: float) -> bool:
        """Whether the vendor's budget kept a request back in the last second."""
        return now - self._short_at <= _ASK_BUDGET_S

    def held(self) -> Iterator[Delivery]:
        """The ready deliveries whose routes are held."""
        return self._batcher.held(self._routes.allowance)

    def take_out(self, wanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Remove ready deliveries that are to be parked."""
        return self._batcher.take_out(wanted)

    # -- pieces -------------------------------------------------------------------------------

    def _once_more(self, delivery: Delivery, now: float) -> None:
        """Sent again as it is, unless the customer may have changed their mind meanwhile."""
        if delivery.flow in self._asks:
            self._memory.ask_again(delivery)
        else:
            self._batcher.add(delivery, now)

    def _with_leave(self, draft: Draft[Delivery], now: float) -> Draft[Delivery]:
        """A draft without those whose leave is over: they are asked about, and prepared, anew."""
        outdated = self._memory.outdated(draft.deliveries, now)
        if not outdated:
            return draft
        withdraw([delivery for delivery in outdated if delivery.doubt is Doubt.NONE])
        for delivery in outdated:
            self._memory.ask_again(delivery)
        return Draft(draft.action, draft.shared_by, [one for one in draft.deliveries if one not in outdated])

    def _return(self, draft: Draft[Delivery]) -> None:
        """A draft that was chosen and never left."""
        self._pool.unpay(draft)
        self.give_back(draft)

    def _next(self, now: float) -> Draft[Delivery] | None:
        """The next draft: there is a thread for it, and it is paid for, or makes no request."""
        if not self._has_slot() or not (self._halves or len(self._batcher)):
            return None
        if self._has_local and (draft := self._choose(now, self._local_allowance)):
            return draft
        if now < self._budget_at:
            return None
        wait_s = self._budget.take(now)
        if wait_s > 0:
            self._budget_at, self._short_at = now + min(wait_s, _ASK_BUDGET_S), now
            return None
        draft = self._choose(now, self._routes.allowance)
        if draft is None:
            self._budget.give_back()
        return draft

    def _choose(self, now: float, allowance: Callable[[Action], int]) -> Draft[Delivery] | None:
        if self._halves and allowance(self._halves[0].action) >= len(self._halves[0].deliveries):
            return self._halves.popleft()
        return self._batcher.take(now, allowance)

    def _local_allowance(self, action: Action) -> int:
        return self._routes.allowance(action) if action.is_local else 0

    def _has_slot(self) -> bool:
        return self._pool.has_room and len(self._naming) < self._pace.max_in_flight * _NAMED_AHEAD

    @staticmethod
    def _is_named(draft: Draft[Delivery]) -> bool:
        """Whether a part of a refused batch is named already, by the commit that named the whole."""
        return all(delivery.mark in delivery.window.progress.intents for delivery in draft.deliveries)

    def _send_named(self, draft: Draft[Delivery]) -> None:
        """A named draft leaves, unless its route was held meanwhile."""
        if self._routes.is_open_for_sent(draft.action):
            self._send(draft)
        else:
            self._return(draft)

    def _send(self, draft: Draft[Delivery]) -> None:
        if draft.action.recognised_s is not None and not (draft := self._recognised(draft)).deliveries:
            self._budget.give_back()
            self._routes.came_back(draft.action)
            return
        self._meter.batched(draft.action.name, len(draft.deliveries))
        self._pool.send(draft)

    def _recognised(self, draft: Draft[Delivery]) -> Draft[Delivery]:
        """A draft without what the vendor may have done and would not know again: a person has to look."""
        now = self._clock.now()
        forgotten = [delivery for delivery in draft.deliveries if delivery.is_forgotten(now)]
        for delivery in forgotten:
            detail = "an earlier request may have acted, too long ago for the vendor to recognise a repeat"
            self._ledger.doom(delivery, Rejected(Reason.IN_DOUBT, detail), "deliver")
        kept = [delivery for delivery in draft.deliveries if delivery not in forgotten]
        return Draft(draft.action, draft.shared_by, kept)

    def _give_back_unnamed(self, draft: Draft[Delivery]) -> None:
        self._routes.came_back(draft.action)
        self._batcher.put_back(draft.deliveries, self._clock.monotonic())


def ours(draft: Draft[Delivery]) -> Draft[Delivery]:
    """A draft without the deliveries of partitions that were taken away meanwhile."""
    if all(delivery.window.partition.is_ours for delivery in draft.deliveries):
        return draft
    kept = [delivery for delivery in draft.deliveries if delivery.window.partition.is_ours]
    return Draft(draft.action, draft.shared_by, kept)
