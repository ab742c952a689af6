"""How far the store is: everything appended to a partition number before a time is applied. Pure.

The broker is asked where all topics end; once every one of them was read up to there, the time *before the question*
is the freshness. A cached end would not do: it stays what it was when the broker is away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Freshness:
    """One partition number; topics by logical name, times in microseconds."""

    _reached: dict[str, int] = field(default_factory=dict)
    _ends: Mapping[str, int] = field(default_factory=dict)
    _known: Mapping[str, int] = field(default_factory=dict)
    _asked_at: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether an earlier question has not come true yet."""
        return bool(self._ends)

    @property
    def positions(self) -> Mapping[str, int]:
        """By topic, up to where everything was read: further than the last record where a gap follows it."""
        return self._reached

    def ended(self, topic: str, offset: int) -> None:
        """Everything of this topic before the offset was read, gaps included."""
        self._reached[topic] = max(offset, self._reached.get(topic, 0))

    def asked(self, at: int, ends: Mapping[str, int]) -> None:
        """The broker was asked at this time, and answered."""
        self._asked_at, self._ends = at, dict(ends)
        self._known = {**self._known, **ends}

    def behind(self, applied: Mapping[str, int]) -> dict[str, int]:
        """How many records of each topic are not applied, by the last answer; gaps at the end count until passed."""
        return {name: max(0, end - self._at(applied, name)) for name, end in self._known.items()}

    def reached(self, applied: Mapping[str, int]) -> int:
        """The time that has come true with these next offsets; 0 when none has."""
        if not self._ends:
            return 0
        is_there = all(self._at(applied, name) >= end for name, end in self._ends.items())
        if not is_there:
            return 0
        self._ends = {}
        return self._asked_at

    def _at(self, applied: Mapping[str, int], name: str) -> int:
        return max(applied.get(name, 0), self._reached.get(name, 0))
