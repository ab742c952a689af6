"""What a journey worker shows of itself, once a second: lag, freshness, outbox, holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from common.clock import Clock
from common.meters import JourneyMeter
from common.store.times import SECOND_US, micros
from workers.journeys.lot import Lot

_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Hold:
    cause: str
    action: str = ""


class Gauges:
    """Tells the meter how the worker's lots are. `prefix` stands in front of topics' names on the broker."""

    def __init__(self, meter: JourneyMeter, prefix: str, clock: Clock) -> None:
        self._meter, self._prefix, self._clock = meter, prefix, clock
        self._told: set[tuple[str, int]] = set()
        self._told_at = float("-inf")

    def show(self, lots: Mapping[int, Lot], now: float) -> None:
        """When a second has passed since the last time."""
        if now - self._told_at < _EVERY_S:
            return
        self._told_at, at = now, micros(self._clock.now())
        behind = {number: lot.freshness.behind(lot.holding.offsets) for number, lot in lots.items()}
        self._lag(behind)
        late = [lot for number, lot in lots.items() if any(behind[number].values()) or lot.unapplied]
        self._meter.path.oldest(max((_age_s(lot, at) for lot in late), default=0.0))
        self._meter.fresh(
            max(((at - (lot.holding.fresh_at or lot.since)) / SECOND_US for lot in lots.values()), default=0.0)
        )
        self._meter.outbox(sum(len(lot.outgoing) for lot in lots.values()))
        self._meter.path.holds([_Hold(cause) for cause in _causes(lots.values())])

    def _lag(self, behind: Mapping[int, Mapping[str, int]]) -> None:
        now = {(self._prefix + name, number) for number, topics in behind.items() for name in topics}
        for topic, number in self._told - now:
            self._meter.path.unassigned(topic, number)
        for number, topics in behind.items():
            for name, records in topics.items():
                self._meter.path.lag(self._prefix + name, number, records)
        self._told = now


def _age_s(lot: Lot, at: int) -> float:
    """Of the oldest record that is not applied: of the first one in hand, else younger than the last one applied."""
    written_ms = lot.unapplied[0].timestamp_ms if lot.unapplied else lot.read_ms
    return max(0.0, at / SECOND_US - written_ms / 1000) if written_ms else 0.0


def _causes(lots: Iterable[Lot]) -> set[str]:
    return {lot.cause for lot in lots if lot.trouble}
