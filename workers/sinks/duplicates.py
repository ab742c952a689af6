"""Duplicates: events that an upstream system wrote twice, told by their id within a window of the log.

Per partition number, for a customer's events are all on one. What counts is the position: the same record again
(redriven, parked and back, read once more after a takeover) is no duplicate of itself. The first occurrence is
the one that stands first in its log, whichever was seen first here; so a worker that starts again tells the same
record from its copy as the one before it did.

Used by one thread, the runner's. An id takes 37 bytes (measured, 1,000,000 ids of 12 partitions), at most 60, and
about 4 µs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from common.clock import Clock
from common.event import PartitionId, Position
from workers.sinks.id_table import DIGEST_BYTES, IdTable

_SHARDS = 64  # a table that outgrows itself is built anew: small ones, so that nobody waits for it
_TOPIC_SHIFT = 56
_SWEEP_EVERY = 16
_LAST_SECOND = 2**32 - 1  # what a table keeps; a producer may write any timestamp
_OFFSET = (1 << _TOPIC_SHIFT) - 1


class Occurrence(NamedTuple):
    """An id, digested, and where it stands."""

    digest: bytes
    id: PartitionId
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class DuplicateWindow:
    """How far back ids are remembered: time between two records of a partition, and ids of the whole worker."""

    seconds: float = 3600.0
    ids: int = 1_000_000


def digest_of(event_id: str) -> bytes:
    """What is remembered of an id: 16 bytes; two ids that collide are a matter of ages."""
    return blake2b(event_id.encode(), digest_size=DIGEST_BYTES).digest()


class Duplicates:
    """Where each id first stood."""

    def __init__(self, window: DuplicateWindow, clock: Clock) -> None:
        self._window, self._clock = window, clock
        self._shelves: dict[int, _Shelf] = {}
        self._topics: dict[str, int] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        """Ids that are remembered."""
        return sum(len(shelf) for shelf in self._shelves.values())

    @property
    def size(self) -> int:
        """Bytes that they take."""
        return sum(shelf.size for shelf in self._shelves.values())

    def seen(self, event_id: str, position: Position, timestamp_ms: int) -> Position | None:
        """The first occurrence of an id when it stands somewhere else than this record, else None.

        Remembers this record, unless another stands before it. Asking again changes nothing. `timestamp_ms`
        is the record's.
        """
        number, topic = position.partition, self._topic(position.topic)
        shelf = self._shelves[number] if number in self._shelves else self._new_shelf(number)
        where = topic << _TOPIC_SHIFT | position.offset
        first = shelf.first(digest_of(event_id), where, timestamp_ms // 1000)
        return None if first == where else Position(self._names[first >> _TOPIC_SHIFT], number, first & _OFFSET)

    def remember_all(self, occurrences: Iterable[Occurrence]) -> None:
        """Take note of many, as a rebuild finds them; each stays only where it is the first."""
        for digest, (name, number), offset, timestamp_ms in occurrences:
            shelf = self._shelves[number] if number in self._shelves else self._new_shelf(number)
            shelf.first(digest, self._topic(name) << _TOPIC_SHIFT | offset, timestamp_ms // 1000)

    def drop(self, number: int) -> None:
        """A partition number is somebody else's."""
        if self._shelves.pop(number, None) is not None:
            self._share()

    def _new_shelf(self, number: int) -> "_Shelf":
        self._shelves[number] = _Shelf(int(self._window.seconds), self._clock)
        self._share()
        return self._shelves[number]

    def _share(self) -> None:
        """The worker's ids are shared evenly by its partitions."""
        for shelf in self._shelves.values():
            shelf.at_most = max(1, self._window.ids // (_SHARDS * len(self._shelves)))

    def _topic(self, name: str) -> int:
        if name not in self._topics:
            self._topics[name] = len(self._names)
            self._names.append(name)
        return self._topics[name]


class _Shelf:
    """The ids of one partition number, in tables by their digest. Topics are read at their own pace."""

    def __init__(self, window_s: int, clock: Clock) -> None:
        self._window_s, self._clock = window_s, clock
        self._tables: list[IdTable | None] = [None] * _SHARDS
        self._newest: dict[int, int] = {}
        self.at_most = 1
        """Ids in one table."""

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables if table is not None)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(table.size for table in self._tables if table is not None)

    def first(self, digest: bytes, where: int, second: int) -> int:
        """Where an id first stood, topic and offset in one number; the record's second moves the window on."""
        second = min(max(0, second), _LAST_SECOND)
        topic = where >> _TOPIC_SHIFT
        if second > self._newest.get(topic, -1):  # a producer's clock that is ahead moves it to now, not further
            self._newest[topic] = min(second, max(self._newest.get(topic, 0), int(self._clock.now().timestamp())))
        shard = digest[-1] % _SHARDS
        table = self._tables[shard]
        if table is None:
            table = self._tables[shard] = IdTable()
        if (at := table.find(digest)) < 0:
            if len(table) >= self.at_most or not len(table) % _SWEEP_EVERY:
                self._make_room(table)
            table.append(digest, where, second)
            return where
        known, known_second = table.where[at], table.seconds[at]
        if known == where:
            return where
        if self._is_over(known, known_second) or _is_before((where, second), (known, known_second)):
            table.where[at], table.seconds[at] = where, second
            return where
        return known

    def _is_over(self, where: int, second: int) -> bool:
        """Whether an occurrence is older than the window, in the time of its own topic."""
        return second < self._newest[where >> _TOPIC_SHIFT] - self._window_s

    def _make_room(self, table: IdTable) -> None:
        table.drop_before(min(self._newest.values()) - self._window_s)
        if (surplus := len(table) + 1 - self.at_most) > 0:
            table.drop_oldest(surplus)


def _is_before(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """In one topic by offset; between topics, where there is no order, by time."""
    if one[0] >> _TOPIC_SHIFT == other[0] >> _TOPIC_SHIFT:
        return one[0] < other[0]
    return one[1] < other[1]
