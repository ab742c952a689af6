"""What of a partition is in hand: its progress, its bytes, and whether reading it may go on.

A `Partition` is a partition number: the records of one customer have it in every topic, so its lanes
and its gate are shared by the topics. A `Window` is one topic's share of it.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from common.event import Commit, PartitionId
from common.reasons import Cause
from workers.sinks.commit_map import commit_of, room
from workers.sinks.gate import Gate
from workers.sinks.lanes import Lanes
from workers.sinks.progress import Inherited, Progress, Settled

PAGE_RECORDS = 150
"""Records that are read at once. A window may hold twice as many more than its limit: the page that filled it, and
what is read one by one while reading stands still."""


MOST_PARKED = 100_000
"""Parked keys of one partition number: beyond them nothing is parked, and its event topics pause."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one topic's partition may be in hand: offsets from watermark to position, and bytes."""

    records: int
    size: int


class Partition:
    """One partition number: its lanes, its gate, and the keys that are parked.

    `parked` counts, for each lane, its retry records that are written (or being written) and not yet read
    back; what follows on a parked lane is parked, too. `is_ours` ends for good when somebody else has it.
    """

    __slots__ = ("gate", "is_crowded", "is_ours", "lanes", "number", "parked")

    def __init__(self, number: int, gate: Gate) -> None:
        self.number, self.gate = number, gate
        self.lanes: Lanes[Any] = Lanes()
        self.parked: Counter[Hashable] = Counter()
        self.is_ours = True
        self.is_crowded = False
        """Whether its event topics pause, because too many keys are parked."""

    @property
    def parking_room(self) -> int:
        """How many more keys may be parked."""
        return max(0, MOST_PARKED - len(self.parked))

    def count_parked(self) -> None:
        """It is crowded when nothing more may be parked, and until a tenth of the room is free again."""
        self.is_crowded = self.parking_room <= (MOST_PARKED // 10 if self.is_crowded else 0)

    def came_back(self, lane: Hashable) -> None:
        """One of a lane's retry records was read."""
        if self.parked:
            self.parked[lane] -= 1
            if self.parked[lane] <= 0:
                del self.parked[lane]


class Window:
    """One topic's partition, from the watermark to the position."""

    __slots__ = (
        "_is_once", "_stamps", "committed", "hold", "id", "is_dirty", "is_paused", "is_settling",
        "limits", "partition", "progress", "retry_at", "size", "why",
    )  # fmt: skip

    def __init__(
        self, id_: PartitionId, partition: Partition, start: int, inherited: Inherited, limits: Limits,
        is_once: Callable[[int], bool],
    ) -> None:  # fmt: skip
        self.id, self.partition, self.limits, self._is_once = id_, partition, limits, is_once
        self.progress = Progress(start, inherited)
        self.size = 0
        self.committed: Commit | None = None
        self.is_dirty = False
        self.is_paused = False
        self.is_settling = False
        self.hold: Cause | None = None
        self.why = ""
        self.retry_at: float | None = None
        self._stamps: deque[tuple[int, int]] = deque()

    def resolve(self, offset: int, flow: int, size: int) -> None:
        """One delivery of a record is settled."""
        self.progress.resolve(offset, flow)
        self.size -= size
        self.is_dirty = True

    def room_for_intents(self) -> int:
        """How many more deliveries the next commit can name."""
        return room(self.progress, self.limits.records + 2 * PAGE_RECORDS, self._is_once)

    def go_on(self) -> None:
        """Whatever held it is over."""
        self.hold, self.why, self.retry_at = None, "", None

    def stamp(self, offset: int, timestamp_ms: int) -> None:
        """Remember when a record was produced; once a page is enough for the age of the oldest."""
        self._stamps.append((offset, timestamp_ms))

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest record that is not settled was produced, to the page; None when all is settled."""
        watermark = self.progress.watermark
        while len(self._stamps) > 1 and self._stamps[1][0] <= watermark:
            self._stamps.popleft()
        return self._stamps[0][1] if self._stamps and watermark < self.progress.position else None

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read for now."""
        return self.size >= self.limits.size or self.progress.span >= self.limits.records

    @property
    def has_room(self) -> bool:
        """Whether reading on is worth it again: half empty."""
        return self.size * 2 <= self.limits.size and self.progress.span * 2 <= self.limits.records

    def commit(self, nonce: str, settled: Settled | None = None) -> Commit:
        """What to commit now, with `settled` counted as done."""
        return commit_of(self.progress, nonce, settled, self._is_once)
