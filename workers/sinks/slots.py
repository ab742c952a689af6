"""Slots: how many requests a worker may have running, where the vendor bounds those of the whole fleet. Pure.

Slots are laid over the partition numbers like everything else (shares.py). A slot of a partition that is new to
us rests: its former owner waits a bound for what runs, and what outlives that may still be at the vendor. What we
have running goes on counting when its partition is lost.
"""

from collections.abc import Collection

from workers.sinks.shares import part_of

_FREED_S = 0.005
"""A wait for a slot that is free when a request ends: short, because that is soon."""


class Slots:
    """One worker's; `slots` are the group's, None where nothing bounds it."""

    def __init__(self, slots: int | None, partitions: int, rest_s: float) -> None:
        self._slots, self._partitions, self._rest_s = slots, partitions, rest_s
        self._numbers: frozenset[int] = frozenset()
        self._rests: dict[int, float] = {}
        self._busy = 0

    def assigned(self, numbers: Collection[int], gained: Collection[int], now: float) -> None:
        """These partition numbers are ours; the gained ones rest from now on."""
        self._rests = {number: rest for number, rest in self._rests.items() if number in numbers}
        self._rests.update(dict.fromkeys(gained, now + self._rest_s))
        self._numbers = frozenset(numbers)

    def has_part(self) -> bool:
        """Whether any slot is ours, resting or not."""
        return self._slots is None or part_of(self._slots, self._partitions, self._numbers) > 0

    def wait_s(self, now: float) -> float:
        """0 when a request may begin, else seconds after which asking again may be worth it."""
        if self._slots is None or self._usable(self._slots, now) > self._busy:
            return 0.0
        rests = [rest - now for rest in self._rests.values() if rest > now]
        return min(rests) if rests and not self._busy else _FREED_S

    def taken(self) -> None:
        """A request is about to run."""
        self._busy += 1

    def freed(self, count: int = 1) -> None:
        """So many have ended, or never began."""
        self._busy -= count

    def _usable(self, slots: int, now: float) -> int:
        rested = [number for number in self._numbers if self._rests.get(number, now) <= now]
        return part_of(slots, self._partitions, rested)
