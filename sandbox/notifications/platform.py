"""Everything that is true at one sandbox: accounts, jobs, alerts, and the rate that it allows."""

import math
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.notifications.accounts import Accounts
from sandbox.notifications.alerts import Alerts
from sandbox.notifications.jobs import Jobs
from sandbox.notifications.options import Options
from sandbox.notifications.reply import RefusedError


class Platform:
    """What the control endpoint shows and clears."""

    name = "notifications"

    def __init__(self, options: Options, clock: SandboxClock) -> None:
        self._clock = clock
        self.accounts = Accounts(options, clock.now)
        self.jobs = Jobs(options, clock.now)
        self.alerts = Alerts(options, clock.now)
        self._limit, self._window_s = math.inf, 1.0
        self._started, self._used = -1.0, 0

    def count(self) -> None:
        """One request of the platform; raises RefusedError past the rate, of which the page knows no number (§8)."""
        now = self._clock.now()
        start = now - now % self._window_s
        if start != self._started:
            self._started, self._used = start, 0
        self._used += 1
        if self._used > self._limit:
            left_s = max(1, math.ceil(start + self._window_s - now))
            raise RefusedError(429, "rate_limited", "too many requests", {"retry-after": str(left_s)})

    def state(self) -> dict[str, Any]:
        """Jobs by id, what each address was sent, repeats that were recognised, alerts taken."""
        return {
            "jobs": {job.job_id: self.jobs.status(job) for job in self.jobs.all()},
            "inbox": self.jobs.inbox(),
            "repeats": self.jobs.repeats,
            "alerts": self.alerts.taken,
        }

    def history(self) -> dict[str, list[Any]]:
        """What each address was sent, in order."""
        return dict(self.jobs.inbox())

    def set_quota(self, endpoint: str, limit: int, window_s: float) -> None:
        """Change the rate, called `requests`; raises KeyError for anything else."""
        if endpoint != "requests":
            raise KeyError(endpoint)
        self._limit, self._window_s, self._started = limit, window_s, -1.0

    def clear(self) -> None:
        """Forget every job and alert; accounts and tokens stay."""
        self.jobs.clear()
        self.alerts.clear()
        self.accounts.revoked.clear()
        self._limit = math.inf
