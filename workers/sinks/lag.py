"""How far behind a runner is: records, and the age of the oldest event that is not settled."""

from collections.abc import Callable, Collection

from common.clock import Clock
from common.event import PartitionId
from workers.sinks.meter import Meter
from workers.sinks.window import Window

_INTERVAL_S = 1.0


class Lag:
    """Told to the meter once a second. `end_of` is a partition's end as the last fetch knew it."""

    def __init__(self, end_of: Callable[[PartitionId], int | None], clock: Clock, meter: Meter) -> None:
        self._end_of, self._clock, self._meter = end_of, clock, meter
        self._told: set[PartitionId] = set()
        self._told_at = float("-inf")

    def report(self, windows: Collection[Window]) -> None:
        """Tell the lag of these windows, when a second has passed."""
        now = self._clock.monotonic()
        if now - self._told_at < _INTERVAL_S:
            return
        self._told_at = now
        for window in windows:
            end = self._end_of(window.id) or window.progress.position
            self._told.add(window.id)
            self._meter.lag(*window.id, max(0, end - window.progress.watermark))
        self._meter.oldest(self._oldest_s(windows))

    def forget(self) -> None:
        """The partitions were taken away: their lag is another's to tell."""
        for partition in self._told:
            self._meter.unassigned(*partition)
        self._told = set()

    def _oldest_s(self, windows: Collection[Window]) -> float:
        oldest_ms = min((at for window in windows if (at := window.oldest_ms) is not None), default=None)
        return 0.0 if oldest_ms is None else max(0.0, self._clock.now().timestamp() - oldest_ms / 1000)
