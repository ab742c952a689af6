"""How far the wall clock may be trusted: that it was set is noticed against the monotonic clock."""

from collections import deque
from datetime import datetime

from common.clock import Clock

SKEW_S = 5.0
"""How far our clock and a vendor's may differ in ordinary life."""

TRUSTED_AFTER_S = 90_000.0
"""A clock that nobody has set for so long is right. No window is longer, so none holds what was counted before."""

_STEP_S = 0.5


class WallWatch:
    """Reads the wall clock with a doubt: the ordinary skew, and what it was set by in the last 25 hours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now().timestamp() - clock.monotonic()
        self._former: deque[tuple[float, float]] = deque()  # (until when, offset)

    def read(self) -> tuple[datetime, float]:
        """The wall time, and by how many seconds it may be wrong: the right clock may be any of those it was."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        offset = wall.timestamp() - monotonic
        if abs(offset - self._offset) > _STEP_S:
            self._former.append((monotonic, self._offset))
            self._offset = offset
        while self._former and self._former[0][0] < monotonic - TRUSTED_AFTER_S:
            self._former.popleft()
        return wall, SKEW_S + max((abs(offset - former) for _, former in self._former), default=0.0)
