"""A source's pollers' own slice of the vendor's budget: so many requests in a window, so many in a day.

The slice is a setting of its own beside the sinks': together they are what the vendor allows. The day's count is
kept with the cursors, so that a restart does not forget it; what a crash loses of it is one page's requests.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from common.clock import Clock
from common.reasons import Cause
from workers.ingest.pollers.api import PausedError

_LATEST_S = 1800.0


class Slice:
    """Counts requests before they are made. One thread; `wait` sleeps and says whether to give up instead."""

    def __init__(
        self, per_window: int, window_s: float, per_day: int, zone: str, clock: Clock, wait: Callable[[float], bool]
    ) -> None:
        self._per_window, self._window_s, self._per_day = per_window, window_s, per_day
        self._zone, self._clock, self._wait = ZoneInfo(zone), clock, wait
        self._recent: deque[float] = deque()
        self._day, self._used = "", 0

    @property
    def day(self) -> str:
        """The quota's day that is counted."""
        self._turn()
        return self._day

    @property
    def used(self) -> int:
        """Requests of today."""
        self._turn()
        return self._used

    @property
    def left(self) -> int:
        """Requests that today still has."""
        return max(0, self._per_day - self.used)

    def resume(self, day: str, used: int) -> None:
        """What was counted before a restart; another day's count is over."""
        if day == self.day:
            self._used = max(self._used, used)

    def spend(self) -> None:
        """Pay for one request; waits for the window. Raises PausedError when today has none left, or told to stop."""
        if self.left <= 0:
            wait_s = min(self._until_midnight_s(), _LATEST_S)
            raise PausedError(Cause.QUOTA, f"the pollers' {self._per_day} requests of {self._day} are used", wait_s)
        now = self._clock.monotonic()
        while self._recent and now - self._recent[0] >= self._window_s:
            self._recent.popleft()
        if len(self._recent) >= self._per_window:
            wait_s = self._window_s - (now - self._recent[0])
            if self._wait(wait_s):
                raise PausedError(Cause.THROTTLED, "told to stop while waiting for the window", wait_s)
            self._recent.popleft()
            now = self._clock.monotonic()
        self._recent.append(now)
        self._used += 1

    def _turn(self) -> None:
        today = self._local().date().isoformat()
        if today != self._day:
            self._day, self._used = today, 0

    def _local(self) -> datetime:
        return self._clock.now().astimezone(self._zone)

    def _until_midnight_s(self) -> float:
        local = self._local()
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(1.0, midnight.timestamp() - local.timestamp())
