"""Duplicates: events that an upstream system wrote twice, told by their id within a window of the log.

Per partition number, for a customer's events are all on one. What counts is the position: the same record again
(redriven, parked and back, read once more after a takeover) is no duplicate of itself. The first occurrence is
the one that stands first in its log, whichever was seen first here; so a worker that starts again tells the same
record from its copy as the one before it did.

Used by one thread, the runner's. 1,000,000 ids take about 45 MB (benchmark in tests/property/test_duplicates.py).
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
        self._topics: list[str] = []

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
        number = position.partition
        first = self.remember(
            Occurrence(digest_of(event_id), PartitionId(position.topic, number), position.offset, timestamp_ms)
        )
        return None if first == position else first

    def remember(self, occurrence: Occurrence) -> Position:
        """Take note of an id; returns where it first stood, which may be here."""
        number, topic = occurrence.id.partition, self._topic(occurrence.id.topic)
        shelf = self._shelves.get(number) or self._new_shelf(number)
        newest = min(occurrence.timestamp_ms, int(self._clock.now().timestamp() * 1000)) // 1000
        where = shelf.first(occurrence.digest, topic, occurrence.offset, occurrence.timestamp_ms // 1000, newest)
        return Position(self._topics[where >> _TOPIC_SHIFT], number, where & _OFFSET)

    def remember_all(self, occurrences: Iterable[Occurrence]) -> None:
        """Take note of many, as a rebuild finds them."""
        for occurrence in occurrences:
            self.remember(occurrence)

    def drop(self, number: int) -> None:
        """A partition number is somebody else's."""
        if self._shelves.pop(number, None) is not None:
            self._share()

    def _new_shelf(self, number: int) -> "_Shelf":
        self._shelves[number] = _Shelf(int(self._window.seconds))
        self._share()
        return self._shelves[number]

    def _share(self) -> None:
        """The worker's ids are shared evenly by its partitions."""
        for shelf in self._shelves.values():
            shelf.at_most = max(1, self._window.ids // (_SHARDS * len(self._shelves)))

    def _topic(self, name: str) -> int:
        try:
            return self._topics.index(name)
        except ValueError:
            self._topics.append(name)
            return len(self._topics) - 1


class _Shelf:
    """The ids of one partition number, in tables by their digest. Topics are read at their own pace."""

    def __init__(self, window_s: int) -> None:
        self._window_s = window_s
        self._tables: list[IdTable | None] = [None] * _SHARDS
        self._newest: dict[int, int] = {}
        self.at_most = 1
        """Ids in one table."""

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables if table)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(table.size for table in self._tables if table)

    def first(self, digest: bytes, topic: int, offset: int, second: int, newest: int) -> int:
        """Topic and offset of an id's first occurrence, in one number; `newest` moves the window on."""
        self._newest[topic] = max(self._newest.get(topic, 0), newest)
        where, at_second = topic << _TOPIC_SHIFT | offset, max(0, second)
        shard = digest[-1] % _SHARDS
        table = self._tables[shard]
        if table is None:
            table = self._tables[shard] = IdTable()
        if (at := table.find(digest)) < 0:
            self._make_room(table)
            table.append(digest, where, at_second)
            return where
        known, known_second = table.where[at], table.seconds[at]
        if known == where:
            return where
        if self._is_over(known, known_second) or _is_before((where, at_second), (known, known_second)):
            table.where[at], table.seconds[at] = where, at_second
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
