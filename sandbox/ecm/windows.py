"""The proxy in front of a Content Server, which may ask for patience (page §15: the server itself never does)."""

import math
from collections.abc import Callable


class Window:
    """So many requests in a window aligned to the clock; without a limit, all."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.limit: int | None = None
        self.seconds = 60.0
        self._started, self._used = -1.0, 0

    def wait_s(self) -> int | None:
        """Count a request: None to let it pass, else the seconds until the window ends."""
        if self.limit is None:
            return None
        start = self._now() - self._now() % self.seconds
        if start != self._started:
            self._started, self._used = start, 0
        self._used += 1
        return None if self._used <= self.limit else max(1, math.ceil(start + self.seconds - self._now()))
