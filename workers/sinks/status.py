"""What a runner shows of itself: to health checks, to metrics, to whoever asks what is held."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from common.reasons import Cause
from workers.sinks.budget import Budget
from workers.sinks.copies import Copies
from workers.sinks.dispatcher import Dispatcher
from workers.sinks.lag import Lag, Stuck
from workers.sinks.ledger import Ledger
from workers.sinks.memory import Memory
from workers.sinks.meter import Meter
from workers.sinks.ownership import Ownership
from workers.sinks.pool import DeliveryPool
from workers.sinks.routes import SINK_ROUTE, RouteHold, Routes

_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class Status:
    """What a runner shows to health checks; replaced as a whole. `at` is monotonic."""

    is_ready: bool = False
    partitions: int = 0
    holds: tuple[RouteHold, ...] = field(default=())
    at: float = 0.0
    trouble: str = ""
    """Why it is not ready, where that needs a person."""


class Reporter:
    """Gathers what one runner shows, four times a second."""

    def __init__(
        self, ownership: Ownership, routes: Routes, dispatcher: Dispatcher, ledger: Ledger, copies: Copies,
        memory: Memory, pool: DeliveryPool, budget: Budget, lag: Lag, meter: Meter,
    ) -> None:  # fmt: skip
        self._ownership, self._routes, self._dispatcher, self._ledger = ownership, routes, dispatcher, ledger
        self._memory, self._copies, self._pool, self._budget, self._lag, self._meter = (
            memory,
            copies,
            pool,
            budget,
            lag,
            meter,
        )
        self.status = Status()

    def is_due(self, now: float) -> bool:
        """Whether it is time to look again."""
        return now - self.status.at >= _INTERVAL_S

    def report(self, now: float) -> None:
        """Look at everything, tell the meter, and renew the status."""
        owned = self._ownership
        partitions = owned.partitions.values()
        holds = tuple(self._holds())
        self.status = Status(owned.is_ready, len(owned.windows), holds, now, owned.trouble)
        self._meter.holds(holds)
        self._meter.load(self._pool.in_flight, sum(partition.lanes.waiting for partition in partitions))
        self._meter.remembered(sum(len(partition.parked) for partition in partitions), len(self._copies))
        self._meter.budget_left(self._budget.left(now))
        self._lag.report(owned.windows.values(), self._stuck)

    def forget(self) -> None:
        """Partitions were taken away."""
        self._lag.forget()

    def close(self) -> None:
        """Nothing is owned any more."""
        self.status = Status()

    def _stuck(self) -> Stuck:
        """What stands still for a reason that more workers would not end."""
        is_held = self._ledger.is_away or any(hold.action == SINK_ROUTE for hold in self._routes.holds())
        is_all = is_held or not self._ownership.may_send or self._dispatcher.waits_for_budget(self.status.at)
        waiting = (head for one in self._ownership.partitions.values() for head in one.lanes.waiters())
        heads = chain(waiting, self._dispatcher.held(), self._memory.heads() if self._memory.hold else ())
        kept_back = sum((head.retried is None) + head.window.partition.lanes.behind(head.lane) for head in heads)
        return Stuck(is_all, self._routes.has_holds or self._memory.hold is not None, kept_back)

    def _holds(self) -> Iterator[RouteHold]:
        yield from self._routes.holds()
        if self._ledger.is_away:
            yield RouteHold("", Cause.DEAD_LETTERS_AWAY, "Kafka takes no dead letters or retry records", 0.0)
        yield from self._budget.holds(self.status.at)
        if (hold := self._memory.hold) is not None:
            yield hold
        if trouble := self._copies.trouble:
            yield RouteHold("", Cause.LOG_UNREADABLE, trouble, 0.0)
        for id_, window in self._ownership.windows.items():
            if window.hold:
                yield RouteHold("", window.hold, f"partition {id_}: {window.why}", window.retry_at or 0.0)
