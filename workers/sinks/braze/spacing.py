"""Time between two requests about the same thing: Braze may process them in another order (§6), or drop one (§2.5)."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping

from common.reasons import Reason
from workers.sinks.api import Deferred


class Spacing:
    """Remembers who was written lately; bounded by what is sent within `least_s`. Thread-safe."""

    def __init__(self, least_s: float, now: Callable[[], float]) -> None:
        self._least_s, self._now = least_s, now
        self._last: OrderedDict[Hashable, float] = OrderedDict()
        self._lock = threading.Lock()

    def too_early(self, keys: Iterable[Hashable]) -> Mapping[int, Deferred]:
        """The positions of the keys that have to wait, and for how long."""
        with self._lock:
            now = self._now()
            self._forget(now)
            waits = ((position, self._last.get(key)) for position, key in enumerate(keys))
            return {
                position: Deferred(Reason.THROTTLED, at + self._least_s - now)
                for position, at in waits
                if at is not None
            }

    def sent(self, keys: Iterable[Hashable]) -> None:
        """A request about these is over: the time counts from now."""
        with self._lock:
            now = self._now()
            for key in keys:
                self._last[key] = now
                self._last.move_to_end(key)

    def _forget(self, now: float) -> None:
        while self._last and next(iter(self._last.values())) + self._least_s <= now:
            self._last.popitem(last=False)
