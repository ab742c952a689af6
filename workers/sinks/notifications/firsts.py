"""Which event told of a matter first: alerts with one key are one alert (comms.alert.v1)."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

_MOST = 10_000


class Firsts:
    """Matter -> the event that told of it first, as this process has seen it. Thread-safe; at most so many are kept.

    With `keep_s`, a matter that was first told of longer ago than that is another one.
    """

    def __init__(self, monotonic: Callable[[], float], keep_s: float = math.inf) -> None:
        self._monotonic, self._keep_s = monotonic, keep_s
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def is_first(self, matter: str, event_id: str) -> bool:
        """Whether no other event has told of it; the same event may again, its first try may have failed."""
        now = self._monotonic()
        with self._lock:
            first, since = self._seen.get(matter, (event_id, now))
            if since + self._keep_s <= now:
                first, since = event_id, now
            self._seen[matter] = (first, since)
            self._seen.move_to_end(matter)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
            return first == event_id
