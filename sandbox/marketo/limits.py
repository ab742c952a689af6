"""What the whole subscription may do: 100 calls in 20 s, 10 at once, so many a day (page §3)."""

from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sandbox.marketo.options import Options
from sandbox.marketo.words import RefusedError


class Limits:
    """Counts calls by the sandbox's clock; `set` changes a limit: rate, concurrency or daily."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._now, self._zone = now, ZoneInfo(options.zone)
        self._most = {"rate": options.rate, "concurrency": options.concurrency, "daily": options.per_day}
        self._window_s = 20.0
        self._recent: deque[float] = deque()
        self.at_once = self.most_at_once = 0
        self.by_day: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def set(self, name: str, limit: int, window_s: float) -> None:
        """Change a limit; raises KeyError for an unknown one."""
        self._most[name]  # an unknown name must not become one
        self._most[name] = limit
        if name == "rate":
            self._window_s = window_s
            self._recent.clear()

    def take(self) -> None:
        """Charge a call. Raises RefusedError: 607, 606 or 615."""
        now = self._now()
        while self._recent and now - self._recent[0] >= self._window_s:
            self._recent.popleft()
        if self.by_day[self.today()] >= self._most["daily"]:
            raise self._refusal("607")
        if len(self._recent) >= self._most["rate"]:
            raise self._refusal("606")
        if self.at_once >= self._most["concurrency"]:
            raise self._refusal("615")
        self._recent.append(now)
        self.by_day[self.today()] += 1

    def begin(self) -> None:
        """A call is being worked on."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

    def end(self) -> None:
        """It is over."""
        self.at_once -= 1

    def today(self) -> str:
        """The quota's day."""
        return datetime.fromtimestamp(self._now(), UTC).astimezone(self._zone).date().isoformat()

    def clear(self) -> None:
        """Forget every call."""
        self._recent.clear()
        self.by_day.clear()
        self.refused.clear()
        self.most_at_once = self.at_once

    def _refusal(self, code: str) -> RefusedError:
        """Whether a refused call uses the window up is not documented; assumed so (page §8)."""
        self.refused[code] += 1
        if code != "606":
            self._recent.append(self._now())
        return RefusedError(code)
