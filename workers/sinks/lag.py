"""How far behind a runner is: records, the age of the oldest, and what of it more replicas would settle sooner."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from common.clock import Clock
from common.event import PartitionId
from workers.sinks.meter import Meter
from workers.sinks.window import Window

_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Stuck:
    """What stands still for reasons that more workers would not end.

    `is_all`: the sink is held, or the vendor's budget is used up. `has_holds`: some action is held.
    `deliveries` wait for a time or for a held action, or behind one that does.
    """

    is_all: bool = False
    has_holds: bool = False
    deliveries: int = 0


class Lag:
    """Told to the meter once a second. `end_of` is a partition's end as the last fetch knew it."""

    def __init__(
        self, end_of: Callable[[PartitionId], int | None], retry_topic: str, clock: Clock, meter: Meter
    ) -> None:
        self._end_of, self._retry_topic, self._clock, self._meter = end_of, retry_topic, clock, meter
        self._told: set[PartitionId] = set()
        self._told_at = float("-inf")

    def report(self, windows: Collection[Window], stuck: Callable[[], Stuck]) -> None:
        """Tell the lag of these windows, when a second has passed."""
        now = self._clock.monotonic()
        if now - self._told_at < _INTERVAL_S:
            return
        self._told_at = now
        for window in windows:
            self._told.add(window.id)
            self._meter.lag(*window.id, max(0, self._end(window) - window.progress.watermark))
        self._meter.oldest(self._oldest_s(windows))
        self._meter.scalable(self._scalable(windows, stuck()))

    def forget(self) -> None:
        """The partitions were taken away: their lag is another's to tell."""
        for partition in self._told:
            self._meter.unassigned(*partition)
        self._told = set()

    def _scalable(self, windows: Collection[Window], stuck: Stuck) -> int:
        """Unread records and unsettled ones, without what is parked, held, or kept back."""
        if stuck.is_all:
            return 0
        events = [window for window in windows if window.id.topic != self._retry_topic]
        unread = sum(self._unread(window) for window in events if not _stands(window, stuck))
        return unread + max(0, sum(window.progress.open_records for window in events) - stuck.deliveries)

    def _unread(self, window: Window) -> int:
        return max(0, self._end(window) - window.progress.position)

    def _end(self, window: Window) -> int:
        return self._end_of(window.id) or window.progress.position

    def _oldest_s(self, windows: Collection[Window]) -> float:
        oldest_ms = min((at for window in windows if (at := window.oldest_ms) is not None), default=None)
        return 0.0 if oldest_ms is None else max(0.0, self._clock.now().timestamp() - oldest_ms / 1000)


def _stands(window: Window, stuck: Stuck) -> bool:
    """Whether nothing more is read of it: held, too many keys parked, or full of what a hold keeps back."""
    return bool(window.hold) or window.partition.is_crowded or (stuck.has_holds and window.is_full)
