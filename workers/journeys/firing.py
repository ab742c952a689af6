"""Due timers of the worker's partitions: oldest first, so many a second, and only where the store is fresh enough.

A timer fires once everything that was appended before its time is applied: after a downtime the queued stop is read
before the step is emitted (design §8). Idle partitions are fresh, too: their ends are asked for.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from common.clock import Clock
from common.errors import StoreDownError
from common.meters import JourneyMeter
from common.store.database import Database
from common.store.timers import Due, due_timers
from common.store.times import SECOND_US, micros
from workers.journeys.applier import Applier
from workers.journeys.interpreter import Journeys
from workers.journeys.lot import Lot

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
_AT_ONCE = 500

Guarded = Callable[[Lot, Callable[[], None]], bool]


class Firing:
    """Fires what is due; called in every turn of the worker."""

    def __init__(
        self, database: Database, applier: Applier, journeys: Journeys, meter: JourneyMeter, clock: Clock, per_s: int
    ) -> None:
        self._database, self._applier, self._journeys, self._meter = database, applier, journeys, meter
        self._clock, self._per_s = clock, per_s
        self._looked_at, self._look_at, self._left = float("-inf"), float("-inf"), float(per_s)
        self._due: dict[int, Due] = {}

    def turn(self, lots: Mapping[int, Lot], guarded: Guarded) -> set[int]:
        """One transaction at most for each partition with due timers; the numbers that are not ours any more."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look(lots, now)
        lost = set[int]()
        for number, due in list(self._due.items()):
            lot = lots.get(number)
            if lot is None or self._left < 1 or now < lot.retry_at or due.oldest > lot.holding.fresh_at:
                continue
            if not guarded(lot, partial(self._fire, lot)):
                lost.add(number)
        return lost

    @property
    def has_work(self) -> bool:
        """Whether something is due that may be fired: the worker does not wait for records then."""
        return bool(self._due) and self._left >= 1

    def unfresh(self, lots: Mapping[int, Lot]) -> set[int]:
        """The numbers with due timers for which the store is not fresh enough yet."""
        return {
            number for number, due in self._due.items() if number in lots and due.oldest > lots[number].holding.fresh_at
        }

    def _look(self, lots: Mapping[int, Lot], now: float) -> None:
        """What is due, and what may be fired since the last look: a second's worth at most."""
        passed_s, at = min(1.0, now - self._looked_at), micros(self._clock.now())
        self._looked_at, self._look_at = now, now + _LOOK_EVERY_S
        self._left = min(float(self._per_s), self._left + passed_s * self._per_s)
        try:
            with self._database.reading() as connection:
                self._due = due_timers(connection, lots, at)
        except StoreDownError as error:
            log.warning("due timers wait: %s", error)
            self._due = {}
            return
        oldest = min((one.oldest for one in self._due.values()), default=at)
        self._meter.due(sum(one.count for one in self._due.values()), (at - oldest) / SECOND_US)

    def _fire(self, lot: Lot) -> None:
        until = min(micros(self._clock.now()), lot.holding.fresh_at)
        at_most = min(_AT_ONCE, int(self._left))
        applied = self._applier.fire(lot.holding, until, self._journeys.fire, at_most, self._journeys.fire_wants)
        lot.holding = applied.holding
        lot.outgoing.extend(applied.outgoing)
        self._left -= applied.fired
        if applied.fired:
            self._look_at = self._clock.monotonic()  # a herd: more of it is due by now
        self._meter.counted(applied.counts)
        if applied.fired < at_most:
            self._due.pop(lot.holding.number, None)
