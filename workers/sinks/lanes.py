"""Lanes: the deliveries of one key, in order, with at most the head out at a time."""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """One queue a key; other keys flow past a head that waits.

    `add` and `done` hand out the delivery that became head. It stays head until `done`, however often
    it is tried; `wait` keeps it back until a monotonic time, after which `due` hands it out again.
    """

    __slots__ = ("_behind", "_order", "_waiting")

    def __init__(self) -> None:
        self._behind: dict[Hashable, deque[T]] = {}
        self._waiting: list[tuple[float, int, T]] = []
        self._order = count()

    def add(self, key: Hashable, delivery: T) -> bool:
        """Put a delivery at the end of its lane; True when it is the head and may go."""
        lane = self._behind.get(key)
        if lane is None:
            self._behind[key] = deque()
            return True
        lane.append(delivery)
        return False

    def done(self, key: Hashable) -> T | None:
        """The head of a lane is settled: the next one, now head, or None when the lane ended."""
        lane = self._behind[key]
        if lane:
            return lane.popleft()
        del self._behind[key]
        return None

    def wait(self, delivery: T, until: float) -> None:
        """Keep a head back until the monotonic time `until`."""
        heappush(self._waiting, (until, next(self._order), delivery))

    def due(self, now: float) -> Iterator[T]:
        """The heads whose waiting is over."""
        while self._waiting and self._waiting[0][0] <= now:
            yield heappop(self._waiting)[2]

    def pull(self, key: Hashable) -> list[T]:
        """End a lane whose head is not out: what stands behind the head, in order."""
        return list(self._behind.pop(key))

    def take_waiting(self, wanted: Callable[[T], bool]) -> list[T]:
        """Heads that wait no longer for their time, because they are to be parked."""
        taken: list[T] = []
        kept = []
        for entry in self._waiting:
            if wanted(entry[2]):
                taken.append(entry[2])
            else:
                kept.append(entry)
        if taken:
            self._waiting = kept
            heapify(self._waiting)
        return taken

    def waiters(self) -> Iterator[T]:
        """The heads that wait for a time, in no order."""
        return (entry[2] for entry in self._waiting)

    def behind(self, key: Hashable) -> int:
        """How many stand behind the head of a lane."""
        return len(self._behind.get(key, ()))

    @property
    def waiting(self) -> int:
        """How many lanes wait for a time."""
        return len(self._waiting)

    def __len__(self) -> int:
        """How many lanes have a head."""
        return len(self._behind)
