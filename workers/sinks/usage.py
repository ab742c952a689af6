"""When requests were counted, by the monotonic clock, to a grain: what a window of any kind is measured with."""

from collections import deque

_GRAINS = 256


class Usage:
    """Counts of requests, oldest first. An entry stands at its latest request: nothing is forgotten too early."""

    def __init__(self, kept_s: float) -> None:
        """`kept_s`: the longest that anybody will ask back."""
        self._kept_s, self._grain_s = kept_s, kept_s / _GRAINS
        self._entries: deque[list[float]] = deque()  # [first, latest, count]
        self._total = 0

    def add(self, at: float, count: int) -> None:
        """So many were counted, at latest then. Times never go back; an earlier one is taken for the last."""
        if count <= 0:
            return
        self._total += count
        last = self._entries[-1] if self._entries else None
        if last is not None and at - last[0] < self._grain_s:
            last[1], last[2] = max(last[1], at), last[2] + count
        else:
            self._entries.append([at, at, count])

    def since(self, begin: float, now: float) -> int:
        """How many may have been counted from `begin` on."""
        while self._entries and self._entries[0][1] < now - self._kept_s:
            self._total -= int(self._entries.popleft()[2])
        if not self._entries or self._entries[0][1] >= begin:
            return self._total
        count = 0
        for entry in reversed(self._entries):
            if entry[1] < begin:
                break
            count += int(entry[2])
        return count

    def free_at(self, begin: float, count: int) -> float | None:
        """Of what was counted from `begin` on, when the first `count` were over; None where there are fewer."""
        for entry in self._entries:
            if entry[1] >= begin:
                count -= int(entry[2])
                if count <= 0:
                    return entry[1]
        return None
