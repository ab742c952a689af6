"""What Braze's answers tell of the hour on `/users/track` (§4 of its vendor page): nobody can ask without sending."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workers.sinks.limit import Count
from workers.vendors.braze.rate import Patience, number

FRESH_S = 120.0
"""A count older than this says too little: others use the quota, too."""


@dataclass(frozen=True, slots=True)
class _Told:
    count: Count
    at: float
    until: float


class Told:
    """Remembers the lowest that the answers of one window said. Thread-safe: what is known is replaced as a whole."""

    def __init__(self, patience: Patience, monotonic: Callable[[], float]) -> None:
        self._patience, self._monotonic = patience, monotonic
        self._told: _Told | None = None

    def heard(self, headers: Mapping[str, str]) -> None:
        """An answer of `/users/track`, whatever its status; without a readable count it says nothing."""
        most, left = number(headers.get("x-ratelimit-limit")), number(headers.get("x-ratelimit-remaining"))
        ends_s, now, before = self._patience.ends_s(headers), self._monotonic(), self._told
        if most is None or left is None or ends_s is None:
            return
        remaining = int(left)
        if before is not None and now < before.until and before.count.remaining is not None:
            remaining = min(remaining, before.count.remaining)  # answers overtake each other
        self._told = _Told(Count(max(0, int(most) - remaining), remaining), now, now + ends_s)

    def count(self) -> Count | None:
        """What is left in the window that still runs; None where nobody knows any more."""
        told, now = self._told, self._monotonic()
        return told.count if told is not None and now < min(told.until, told.at + FRESH_S) else None
