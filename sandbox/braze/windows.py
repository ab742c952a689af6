"""Rate limits in windows that are aligned to the clock, told in Braze's two dialects (page §4)."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Window:
    """One pool: `limit` requests in `seconds`, counted from the last multiple of it."""

    limit: int
    seconds: float
    is_mau: bool = False
    started: float = -1.0
    used: int = 0

    def take(self, now: float) -> bool:
        """Count a request; False when the window is used up."""
        start = now - now % self.seconds
        if start != self.started:
            self.started, self.used = start, 0
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def headers(self, now: float, *, is_refusal: bool) -> dict[str, str]:
        """What the answer says of the pool."""
        ends = self.started + self.seconds
        left_s = str(max(1, math.ceil(ends - now)))
        if self.is_mau and is_refusal:
            return {"x-ratelimit-retry-after": left_s}
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - self.used),
            "x-ratelimit-reset": left_s if self.is_mau else str(math.ceil(ends)),
        }


UNKNOWN = {"x-ratelimit-limit": "", "x-ratelimit-remaining": "", "x-ratelimit-reset": ""}
"""What a 401 says: the headers are there, and empty."""


_READ_FROM_THE_POOL = (
    "/campaigns/list", "/campaigns/details", "/canvas/list", "/canvas/details", "/content_blocks/list",
    "/content_blocks/info", "/templates/email/list", "/templates/email/info", "/email/unsubscribes",
    "/email/hard_bounces",
)  # fmt: skip


class Windows:
    """The pools of a workspace by endpoint; some endpoints share one."""

    def __init__(self, now: Callable[[], float], *, is_mau: bool) -> None:
        self._now = now
        shared = Window(250_000, 3600)
        self._pools = {
            "/users/track": Window(3_000, 3, is_mau),
            "/users/export/ids": Window(250, 60),
            "/campaigns/trigger/send": shared,
            "/canvas/trigger/send": shared,
            "/transactional/v1/campaigns/{campaign_id}/send": shared,
            "/email/status": shared,
            "/v2/subscription/status/set": Window(5_000, 60),
            "/subscription/status/get": shared,
            **dict.fromkeys(_READ_FROM_THE_POOL, shared),
        }

    def set(self, endpoint: str, limit: int, seconds: float) -> None:
        """Change the pool of an endpoint, and of those that share it; KeyError when it has none."""
        pool = self._pools[endpoint]
        pool.limit, pool.seconds, pool.started = limit, seconds, -1.0

    def take(self, endpoint: str) -> tuple[bool, dict[str, str]]:
        """Count a request: whether it may pass, and what its answer says."""
        pool, now = self._pools[endpoint], self._now()
        passes = pool.take(now)
        return passes, pool.headers(now, is_refusal=not passes)
