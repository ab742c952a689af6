"""What a runner holds: its partition numbers and their windows, through takeovers.

Every owner's first commit writes its nonce, before its first request. So when partitions come back and the
commits there still carry our nonce, nobody owned them in between: lanes, windows and running requests are
kept (a rebalance of the classic protocol revokes everything from everybody).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from common.clock import Clock
from common.errors import FatalError
from common.event import Commit, PartitionId
from common.reasons import Cause
from workers.sinks.commit_map import ForeignCommitError, new_nonce, nonce_of, read_commit
from workers.sinks.gate import Gate, Pulse
from workers.sinks.progress import NOTHING, Inherited
from workers.sinks.window import Limits, Partition, Window

_STATIC_LEASE_S = 3.0


class Starts(Protocol):
    """Where partitions without a commit begin (workers/sinks/starts.py)."""

    def resolve(
        self, partitions: Collection[PartitionId], known: Collection[int], nonce: str
    ) -> dict[PartitionId, int]:
        """The start offsets, committed; raises FatalError when it must not be decided without an operator."""
        ...

    @property
    def way_out(self) -> str:
        """The command with which an operator decides."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How partitions are owned. `session_s` is the group session's length.

    A static member's successor is let in at once, while a dynamic one's must wait for the session to end.
    """

    session_s: float
    commit_interval_s: float
    limits: Limits
    is_static: bool = False

    @property
    def lease_s(self) -> float:
        """How long after its last acknowledged commit was sent a worker may send."""
        half = self.session_s / 2
        return min(half, max(_STATIC_LEASE_S, self.session_s / 8)) if self.is_static else half

    @property
    def wait_s(self) -> float:
        """How long a new owner waits for its predecessor's lease to run out."""
        return self.lease_s if self.is_static else 0.0


class Holdings:
    """The partitions of one runner, by number, and the windows of their topics."""

    def __init__(
        self, starts: Starts, terms: Terms, is_once: Callable[[int], bool], clock: Clock, pulse: Pulse
    ) -> None:
        """`is_once` tells of a flow, by its hash, whether its settled deliveries must be remembered."""
        self._starts_of, self._terms, self._is_once, self._clock, self._pulse = starts, terms, is_once, clock, pulse
        self.nonce = new_nonce()
        self.partitions: dict[int, Partition] = {}
        self.windows: dict[PartitionId, Window] = {}

    def commits(self, of: Callable[[Window], bool] = lambda _: True) -> dict[PartitionId, Commit]:
        """What to commit now of these windows, all unless `of` chooses."""
        return {id_: window.commit(self.nonce) for id_, window in self.windows.items() if of(window)}

    @property
    def lost_offsets(self) -> Iterator[Window]:
        """The windows whose offset is outside of the log: they wait for an operator."""
        return (window for window in self.windows.values() if window.hold is Cause.OFFSET_LOST)

    def lose_offset(self, id_: PartitionId, message: str) -> str:
        """Hold a partition whose offset is outside of the log; says so in words, what to do included."""
        why = (
            f"its offset is outside the log ({message}): events were deleted before they were delivered, or the topic "
            f"was made anew. Stop this sink's workers, then `{self._starts_of.way_out}`"
        )
        if window := self.windows.get(id_):
            window.hold, window.why = Cause.OFFSET_LOST, why
        return why

    def close_gates(self) -> None:
        """No request leaves any more."""
        for partition in self.partitions.values():
            partition.gate.close()

    def kept(self, stored: Mapping[PartitionId, Commit | None]) -> set[int]:
        """The partition numbers that nobody else owned since we did."""
        numbers: dict[int, bool] = defaultdict(lambda: True)
        for id_, commit in stored.items():
            window = self.windows.get(id_)
            is_still_ours = window is not None and commit is not None and nonce_of(commit) == self.nonce
            numbers[id_.partition] &= is_still_ours
        return {number for number, is_kept in numbers.items() if is_kept}

    def drop(self, kept: Collection[int]) -> None:
        """Forget the partitions that are not ours any more, or were another's meanwhile."""
        for number, partition in list(self.partitions.items()):
            if number not in kept:
                partition.is_ours = False
                del self.partitions[number]
        self.windows = {id_: window for id_, window in self.windows.items() if id_.partition in kept}

    def gain(self, stored: Mapping[PartitionId, Commit | None]) -> list[Window]:
        """Windows for partitions that are new to us, each from where its commit says, or where it starts."""
        fresh = [id_ for id_, commit in stored.items() if commit is None]
        known = {id_.partition for id_, commit in stored.items() if commit is not None}
        starts = self._starts_of.resolve(fresh, known, self.nonce) if fresh else {}
        gained = []
        for id_, commit in stored.items():
            known_start = None if commit is None else (commit.offset, self._inherited(id_, commit))
            start, inherited = known_start or (starts[id_], NOTHING)
            partition = self._partition(id_.partition)
            window = Window(id_, partition, start, inherited, self._terms.limits, self._is_once)
            self.windows[id_] = window
            gained.append(window)
        return gained

    def _partition(self, number: int) -> Partition:
        if number not in self.partitions:
            gate = Gate(str(number), self._clock, self._pulse, self._terms.lease_s, self._terms.wait_s)
            self.partitions[number] = Partition(number, gate)
        return self.partitions[number]

    def _inherited(self, id_: PartitionId, commit: Commit) -> Inherited:
        try:
            return read_commit(commit)
        except ForeignCommitError as error:
            raise FatalError(
                f"{id_}: {error}. Nothing is sent from there before somebody looked: `{self._starts_of.way_out}`"
            ) from error
