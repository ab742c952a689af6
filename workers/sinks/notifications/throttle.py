"""How often one person is told (§7.2): messages in the last hour, in memory, for one worker."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

_HOUR_S = 3600.0
_MOST_PEOPLE = 50_000


class Throttle:
    """Counts messages by person. Thread-safe; forgets whoever was told longest ago when there are too many."""

    def __init__(self, per_hour: int, monotonic: Callable[[], float]) -> None:
        self._per_hour, self._monotonic = per_hour, monotonic
        self._lock = threading.Lock()
        self._told: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, people: Iterable[str], *, always: bool = False) -> float | None:
        """Count one message for each of them: None, or the seconds until everybody has room (nothing is counted).

        `always`: it goes out whatever was counted before, and counts.
        """
        now = self._monotonic()
        with self._lock:
            logs = {person: self._log(person, now) for person in people}
            full = [log for log in logs.values() if len(log) >= self._per_hour]
            if full and not always:
                return max(log[-self._per_hour] for log in full) + _HOUR_S - now
            for person, log in logs.items():
                log.append(now)
                self._told[person] = log
                self._told.move_to_end(person)
            while len(self._told) > _MOST_PEOPLE:
                self._told.popitem(last=False)
            return None

    def give_back(self, people: Iterable[str]) -> None:
        """Nothing was sent after all."""
        with self._lock:
            for person in people:
                if log := self._told.get(person):
                    log.pop()

    def _log(self, person: str, now: float) -> deque[float]:
        log = self._told.get(person, deque())
        while log and log[0] <= now - _HOUR_S:
            log.popleft()
        return log
