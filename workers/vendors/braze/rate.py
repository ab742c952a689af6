"""Braze's rate headers in both dialects (§4 of its vendor page). Pure."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from workers.vendors.retry_after import LEAST_S, MOST_S, http_date

_EPOCH_FROM = 1e9  # a reset above it is a moment, below it a number of seconds (MAU plans)
_JITTER = 0.1
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Patience:
    """Reads how long to wait; `jitter` gives numbers from 0 to 1."""

    now: Callable[[], datetime]
    jitter: Callable[[], float]

    def wait_s(self, headers: Mapping[str, str]) -> float | None:
        """The first hint that can be read, within 1 s and 1 h, plus up to 10 %; None without any.

        Empty and non-numeric headers are no hints: a 401 has all three empty. A moment is compared
        with the vendor's own Date where it sent one, so that our clock's error does not count.
        """
        hint = self._hint(headers)
        if hint is None:
            return None
        return min(max(hint, LEAST_S), MOST_S) * (1 + _JITTER * self.jitter())

    def used_up_s(self, headers: Mapping[str, str]) -> float | None:
        """The wait until the window ends when nothing remains in it, else None."""
        return self.wait_s(headers) if number(headers.get("x-ratelimit-remaining")) == 0 else None

    def ends_s(self, headers: Mapping[str, str]) -> float | None:
        """Seconds until the window of an answer ends, at most an hour; None where it does not say."""
        hint = self._hint(headers)
        return None if hint is None else min(max(hint, 0.0), MOST_S)

    def _hint(self, headers: Mapping[str, str]) -> float | None:
        after = headers.get("retry-after")
        hint = number(after)
        if hint is None and (moment := http_date(after)) is not None:
            hint = (moment - self._vendor_now(headers)).total_seconds()
        if hint is None:
            hint = number(headers.get("x-ratelimit-retry-after"))
        if hint is None and (reset := number(headers.get("x-ratelimit-reset"))) is not None:
            hint = reset - self._vendor_now(headers).timestamp() if reset > _EPOCH_FROM else reset
        return hint

    def _vendor_now(self, headers: Mapping[str, str]) -> datetime:
        return http_date(headers.get("date")) or self.now()


def number(text: str | None) -> float | None:
    """A header's plain number; None for anything else."""
    found = _NUMBER.fullmatch(text.strip()) if text else None
    value = float(found[0]) if found else math.nan
    return value if math.isfinite(value) else None
