"""Heads of lanes become items: told from upstream's copies, allowed by the customer store, mapped, and entered."""

import logging
from collections import deque
from collections.abc import Callable

from common.clock import Clock
from common.errors import UnusableEventError
from common.reasons import Reason
from workers.sinks.api import Rejected, Sink, Suppressed
from workers.sinks.copies import Copies
from workers.sinks.delivery import Copy, Delivery, Doubt
from workers.sinks.ledger import Ledger
from workers.sinks.memory import Memory

log = logging.getLogger(__name__)

_ORPHANED = "a former owner was about to send it, or had, for a flow that does not act on this event here any more"


class Preparer:
    """Prepares the deliveries of one runner; `add` takes those that are ready, with the monotonic time."""

    def __init__(
        self, sink: Sink, ledger: Ledger, copies: Copies, memory: Memory, clock: Clock,
        add: Callable[[Delivery, float], None],
    ) -> None:  # fmt: skip
        self._sink, self._ledger, self._copies, self._clock, self._add = sink, ledger, copies, clock, add
        self._memory, self._asks = memory, memory.concerned

    def prepare(self, ready: deque[Delivery], now: float) -> None:
        """Heads of lanes become items; what cannot become one is rejected alone."""
        while ready:
            delivery = ready.popleft()
            if delivery.doubt is Doubt.ORPHANED:
                self._ledger.doom(delivery, Rejected(Reason.IN_DOUBT, _ORPHANED), "prepare")
                continue
            if delivery.copy is not Copy.NO and self._is_copy(delivery):
                continue
            if delivery.flow in self._asks and not self._memory.has_leave(delivery, now):
                continue
            try:
                event = delivery.event
                value = event.value if delivery.leave is None else delivery.leave.value(event)
                parameters = delivery.flow.parameters(value)
                delivery.item = self._sink.prepare(delivery.action, event, parameters)
            except UnusableEventError as error:
                self._ledger.doom(delivery, Rejected(error.reason, error.detail), "prepare")
            except Exception:
                log.exception("a bug in flow %s at %s", delivery.flow.name, delivery.record.position)
                self._ledger.doom(
                    delivery, Rejected(Reason.BUG, "our own code failed: see the worker's log"), "prepare"
                )
            else:
                self._enter(delivery, now)

    def _enter(self, delivery: Delivery, now: float) -> None:
        """A head that nobody is unsure of is ready; one that a former owner named is looked up, or needs a person."""
        if delivery.retried is not None and (wait_s := delivery.wait_s(self._clock.now())) > 0:
            delivery.window.partition.lanes.wait(delivery, now + wait_s)
        elif delivery.doubt is Doubt.NONE or not delivery.is_once or delivery.action.recognises_repeats:
            self._add(delivery, now)
        elif delivery.action.can_look_up:
            delivery.window.partition.lanes.wait(delivery, now + delivery.action.settle_after_s)
        else:
            detail = "a former owner was about to send it, or had: nobody can tell"
            self._ledger.doom(delivery, Rejected(Reason.IN_DOUBT, detail), "deliver")

    def _is_copy(self, delivery: Delivery) -> bool:
        """Whether nothing is sent for it: upstream wrote its event before, or nobody can tell yet."""
        copy = self._copies.judge(delivery)
        if copy is Copy.YES:
            self._ledger.resolve([(delivery, Suppressed(Reason.DUPLICATE))])
        return copy is not Copy.NO
