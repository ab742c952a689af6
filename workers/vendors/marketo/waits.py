"""How long a refusal of Marketo means: it never says so itself (§0, §3 of the vendor page). Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

WINDOW_S, WINDOW_JITTER_S = 20.0, 5.0
CROWD_S, CROWD_JITTER_S = 0.5, 4.5
QUEUE_S, QUEUE_JITTER_S = 60.0, 6.0
MIDNIGHT_JITTER_S = 60.0
_MOST_HINTED_S = 3600.0
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of one subscription; `jitter` gives numbers from 0 to 1, `zone` has the quota's midnight."""

    now: Callable[[], datetime]
    jitter: Callable[[], float]
    zone: str
    recheck_s: float

    def window_s(self) -> float:
        """The rate's 20 seconds, and a little more, unlike every other worker's (§4.2: 606)."""
        return WINDOW_S + WINDOW_JITTER_S * self.jitter()

    def crowd_s(self) -> float:
        """Until one of ten requests has ended (§4.2: 615)."""
        return CROWD_S + CROWD_JITTER_S * self.jitter()

    def queue_s(self) -> float:
        """At least a minute (§4.2: 1016, 1029)."""
        return QUEUE_S + QUEUE_JITTER_S * self.jitter()

    def quota_s(self) -> float:
        """Until the quota's day ends, or may have been raised (§3).

        Whether the midnight keeps daylight saving time is unknown (§8): asking again before the day ends
        finds the later one too.
        """
        return min(self.until_midnight_s() + MIDNIGHT_JITTER_S * self.jitter(), self.recheck_s)

    def until_midnight_s(self) -> float:
        """Seconds until the next midnight of the zone."""
        now = self.now()
        local = now.astimezone(ZoneInfo(self.zone))
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight.astimezone(now.tzinfo) - now).total_seconds()

    def today(self) -> str:
        """The quota's day, as the usage call names it."""
        return self.now().astimezone(ZoneInfo(self.zone)).date().isoformat()

    def hinted_s(self, headers: Mapping[str, str]) -> float:
        """A Retry-After in seconds, which Marketo does not send today; else the rate's window."""
        text = headers.get("retry-after", "").strip()
        return min(max(float(text), 1.0), _MOST_HINTED_S) if _NUMBER.fullmatch(text) else self.window_s()
