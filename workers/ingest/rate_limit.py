"""How much a source may send: a token bucket each, pure but for the clock."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

from common.clock import Clock
from workers.ingest.hooks import SignalOutcome
from workers.ingest.problem import Problem, RefusalError
from workers.ingest.rate_limit_config import RateLimit


class Bucket:
    """The tokens of one source. A request of more items than `burst` passes when the bucket is full, into debt."""

    def __init__(self, limit: RateLimit, clock: Clock) -> None:
        self._limit, self._clock = limit, clock
        self._tokens, self._at = float(limit.burst), clock.monotonic()

    def take(self, items: int) -> float:
        """Take what a request costs; 0 when it may pass, else the seconds to wait, and nothing was taken."""
        now, limit = self._clock.monotonic(), self._limit
        self._tokens = min(float(limit.burst), self._tokens + (now - self._at) * limit.per_s)
        self._at = now
        cost = 1 if limit.of == "requests" else max(1, items)
        needed = min(cost, limit.burst)
        if self._tokens < needed:
            return (needed - self._tokens) / limit.per_s
        self._tokens -= cost
        return 0.0


class RateLimits:
    """The buckets of all sources that have a limit."""

    def __init__(self, limits: Mapping[str, RateLimit | None], clock: Clock) -> None:
        self._buckets = {name: Bucket(limit, clock) for name, limit in limits.items() if limit is not None}

    def check(self, source: str, items: int) -> None:
        """Return when the source may send so many items now; raises RefusalError (429) otherwise."""
        bucket = self._buckets.get(source)
        wait_s = bucket.take(items) if bucket else 0.0
        if wait_s:
            detail = "this source sends more than its limit: nothing was stored, send it again later"
            headers = {"retry-after": str(ceil(wait_s))}
            problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, SignalOutcome.RATE_LIMITED, headers=headers)
            raise RefusalError(problem)
