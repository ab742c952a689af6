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

    def take(self, keys: Iterable[Hashable]) -> Mapping[int, Deferred]:
        """The positions of the keys that have to wait, and for how long; the others are taken, each once."""
        with self._lock:
            now = self._now()
            self._forget(now)
            early: dict[int, Deferred] = {}
            for position, key in enumerate(keys):
                wait_s = self._last.get(key, now - self._least_s) + self._least_s - now
                if wait_s > 0:
                    early[position] = Deferred(Reason.THROTTLED, wait_s)
                else:
                    self._note(key, now)
            return early

    def sent(self, keys: Iterable[Hashable]) -> None:
        """A request about these may have been processed: the time counts from now."""
        with self._lock:
            now = self._now()
            for key in keys:
                self._note(key, now)

    def give_back(self, keys: Iterable[Hashable]) -> None:
        """A request about these was certainly not processed: the next may go at once, as parts of it do."""
        with self._lock:
            for key in keys:
                self._last.pop(key, None)

    def _note(self, key: Hashable, now: float) -> None:
        self._last[key] = now
        self._last.move_to_end(key)

    def _forget(self, now: float) -> None:
        while self._last and next(iter(self._last.values())) + self._least_s <= now:
            self._last.popitem(last=False)
