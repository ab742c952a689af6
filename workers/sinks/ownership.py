"""Which partitions are ours, from where they are read, and what is committed of them.

Only the runner's thread is here. A partition has one commit under way, plain or in a transaction,
never both: the older one would win (engine §3).

Every owner's first commit writes its nonce, before its first request. So when partitions come back and the
commits there still carry our nonce, nobody owned them in between: lanes, windows and running requests are
kept (a rebalance of the classic protocol revokes everything from everybody).
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.clock import Clock
from common.errors import FatalError
from common.event import Commit, PartitionId
from common.kafka.consumer import CommitError
from common.reasons import Cause
from workers.sinks.commit_map import ForeignCommitError, new_nonce, nonce_of, read_commit
from workers.sinks.gate import Gate, Pulse
from workers.sinks.meter import Meter
from workers.sinks.naming import Naming
from workers.sinks.progress import NOTHING, Inherited, Settled
from workers.sinks.window import Limits, Partition, Window

log = logging.getLogger(__name__)

_REVOKE_BOUND_S = 5.0
_STATIC_LEASE_S = 3.0
_ASSIGN_BOUND_S = 60.0


class Member(Protocol):
    """What a group member can do (common/kafka/consumer.py)."""

    def assign(self, starts: Mapping[PartitionId, int]) -> None: ...
    def unassign(self) -> None: ...
    def committed(self, partitions: Collection[PartitionId]) -> dict[PartitionId, Commit | None]: ...
    def commit(self, offsets: Mapping[PartitionId, Commit]) -> None: ...
    def commit_now(self, offsets: Mapping[PartitionId, Commit]) -> None: ...
    def group_metadata(self) -> Any: ...


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


@dataclass(frozen=True, slots=True)
class Handover:
    """What the runner does when partitions come and go.

    `before_revocation` collects what threads have finished, waiting at most the seconds it is given;
    `after_loss` forgets what stood on partitions that are somebody else's; `on_gained` learns which keys are
    parked on partitions that are new to us, given their retry window. `on_numbers` is told the partition
    numbers that are ours and which of them are new, `on_left` that nothing is ours for certain.
    """

    before_revocation: Callable[[float], None]
    after_loss: Callable[[], None]
    on_gained: Callable[[Collection[Window]], None]
    on_numbers: Callable[[Collection[int], Collection[int]], None]
    on_left: Callable[[], None]
    is_once: Callable[[int], bool]


class Ownership:
    """The partitions of one runner; a GroupListener."""

    def __init__(
        self, member: Member, starts: Starts, terms: Terms, naming: Naming, handover: Handover, clock: Clock,
        meter: Meter,
    ) -> None:  # fmt: skip
        self._member, self._starts_of, self._terms, self._naming = member, starts, terms, naming
        self._handover, self._clock, self._meter = handover, clock, meter
        self._nonce = new_nonce()
        self._under_way: dict[PartitionId, Commit] = {}
        self._sent_at = self._beat_at = clock.monotonic()
        self._assigned_at = clock.monotonic()
        self.is_assigned = False
        self.pulse = Pulse(clock)
        self.partitions: dict[int, Partition] = {}
        self.windows: dict[PartitionId, Window] = {}

    @property
    def is_ready(self) -> bool:
        """Assigned and able to commit.

        A first assignment can be empty because topics are not known yet; only after a session does it count as
        having nothing to do.
        """
        if not self.windows and self._clock.monotonic() - self._assigned_at < self._terms.session_s:
            return False
        owned = tuple(self.partitions.values())  # a snapshot: delivery threads ask, too
        return self.is_assigned and all(partition.gate.is_open for partition in owned)

    # -- what the group says ------------------------------------------------------------------

    def assigned(self, partitions: Collection[PartitionId]) -> None:
        """Keep what nobody else had, find where the rest starts, write our nonce, open the gates."""
        self._meter.rebalanced()
        stored = self._stored(partitions)
        kept = self._kept(stored)
        self._drop(kept)
        gained = self._gain({id_: commit for id_, commit in stored.items() if id_.partition not in kept})
        self._member.assign({id_: self.windows[id_].progress.position for id_ in stored})
        for window in self.windows.values():
            window.is_paused, window.hold, window.retry_at = False, None, None
        self._handover.on_gained(gained)
        self._handover.on_numbers(self.partitions.keys(), {window.id.partition for window in gained})
        self.is_assigned, self._assigned_at = True, self._clock.monotonic()
        self._commit_now({id_: window.commit(self._nonce) for id_, window in self.windows.items()})

    def revoked(self, partitions: Collection[PartitionId]) -> None:  # noqa: ARG002 the classic protocol takes all
        """Let nobody in, wait for those inside, commit what is settled."""
        self._meter.rebalanced()
        self._leave()
        self._handover.before_revocation(_REVOKE_BOUND_S)
        free = {id_: window for id_, window in self.windows.items() if not window.is_settling}
        self._commit_now({id_: window.commit(self._nonce) for id_, window in free.items()}, opens=False)
        self._member.unassign()

    def lost(self, partitions: Collection[PartitionId]) -> None:  # noqa: ARG002 all of them, too
        """Somebody else may own them already: send nothing, commit nothing."""
        self._meter.rebalanced()
        log.warning("partitions were lost: the group went on without this worker for a session")
        self._leave()
        self._member.unassign()

    def committed(self, confirmed: Mapping[PartitionId, Commit], failure: CommitError | None) -> None:
        """An asynchronous commit ended; confirmed offsets keep their partition's gate open."""
        if not self._under_way:
            return
        for id_, commit in confirmed.items():
            if self._under_way.get(id_) == commit:
                self.confirm(id_, commit, self._sent_at)
        self._naming.commit_ended(failure is None and confirmed.keys() >= self._under_way.keys())
        self._under_way = {}
        if confirmed:  # a failed commit is none: an alert stands on the count
            self._meter.committed(self._clock.monotonic() - self._sent_at)
        if failure is not None:
            self._on_failure(failure)

    def partition_failed(self, partition: PartitionId, message: str) -> None:
        """The start offset is outside the log: events were deleted before they were delivered."""
        log.error(
            "%s cannot be read on (%s): its offset is outside the log; not ready until somebody has decided: stop this "
            "sink's workers, then `%s`",
            partition,
            message,
            self._starts_of.way_out,
        )
        if window := self.windows.get(partition):
            window.hold = Cause.CONFIGURATION
            window.partition.gate.close()

    # -- commits ------------------------------------------------------------------------------

    def confirm(self, id_: PartitionId, commit: Commit, sent_at: float) -> None:
        """A commit that was sent at `sent_at` (monotonic) is durable, by itself or in a transaction."""
        if self.is_assigned and (window := self.windows.get(id_)):
            window.committed = commit
            window.partition.gate.renew(sent_at)

    def is_committing(self, id_: PartitionId) -> bool:
        """Whether a plain commit of this partition is under way."""
        return id_ in self._under_way

    def settlement_commit(self, window: Window, settled: Settled) -> Commit:
        """What a transaction commits for a window, with what it settles counted as done."""
        return window.commit(self._nonce, settled)

    def commit_due(self) -> None:
        """Commit what changed, at most every interval unless an intent waits; all every half of a lease."""
        now = self._clock.monotonic()
        is_early = now - self._sent_at < self._terms.commit_interval_s and not self._naming.wants_commit
        if self._under_way or is_early or not self.is_assigned:
            return
        is_beat = now - self._beat_at >= self._terms.lease_s / 2
        offsets = dict(self._due(is_beat))
        if is_beat:
            self._beat_at = now
        if offsets:
            self._sent_at, self._under_way = now, offsets
            self._naming.commit_sent(offsets.keys())
            self._send(offsets)

    def commit_all_now(self) -> None:
        """Commit what is settled before closing; the embedded broker takes no commit in a revocation."""
        if self.is_assigned:
            self._commit_now({id_: w.commit(self._nonce) for id_, w in self.windows.items() if not w.is_settling})

    # -- pieces -------------------------------------------------------------------------------

    def _due(self, is_beat: bool) -> Iterator[tuple[PartitionId, Commit]]:
        for id_, window in self.windows.items():
            if window.is_settling or not (window.is_dirty or is_beat):
                continue
            window.is_dirty = False
            yield id_, window.commit(self._nonce)

    def _send(self, offsets: Mapping[PartitionId, Commit]) -> None:
        try:
            self._member.commit(offsets)
        except CommitError as error:
            self._under_way = {}
            self._naming.commit_ended(is_confirmed=False)
            self._on_failure(error)

    def _commit_now(self, offsets: Mapping[PartitionId, Commit], opens: bool = True) -> None:
        if not offsets:
            return
        sent_at = self._clock.monotonic()
        try:
            self._member.commit_now(offsets)
        except CommitError as error:
            self._on_failure(error)
            return
        for id_, commit in offsets.items() if opens else ():
            self.confirm(id_, commit, sent_at)

    def _on_failure(self, error: CommitError) -> None:
        for window in self.windows.values():
            window.is_dirty = True
        if error.is_transient:
            log.info("%s: nothing is confirmed, tried again", error)
        else:
            log.warning("%s: nothing is sent until this worker is a member again", error)
            self._close_gates()

    def _leave(self) -> None:
        """No request and no commit belongs to this membership any more."""
        self.is_assigned = False
        self._under_way = {}
        self._close_gates()
        self._handover.on_left()

    def _stored(self, partitions: Collection[PartitionId]) -> dict[PartitionId, Commit | None]:
        deadline = self._clock.monotonic() + _ASSIGN_BOUND_S
        while True:
            try:
                return self._member.committed(partitions)
            except CommitError as error:
                if self._clock.monotonic() > deadline:
                    message = f"committed offsets could not be learned for {_ASSIGN_BOUND_S:.0f} s: {error}"
                    raise FatalError(message) from error

    def _kept(self, stored: Mapping[PartitionId, Commit | None]) -> set[int]:
        """The partition numbers that nobody else owned since we did."""
        numbers: dict[int, bool] = defaultdict(lambda: True)
        for id_, commit in stored.items():
            window = self.windows.get(id_)
            is_still_ours = window is not None and commit is not None and nonce_of(commit) == self._nonce
            numbers[id_.partition] &= is_still_ours
        return {number for number, is_kept in numbers.items() if is_kept}

    def _drop(self, kept: Collection[int]) -> None:
        """Forget the partitions that are not ours any more, or were another's meanwhile."""
        for number, partition in list(self.partitions.items()):
            if number not in kept:
                partition.is_ours = False
                del self.partitions[number]
        self.windows = {id_: window for id_, window in self.windows.items() if id_.partition in kept}
        self._handover.after_loss()

    def _gain(self, stored: Mapping[PartitionId, Commit | None]) -> list[Window]:
        """Windows for partitions that are new to us, each from where its commit says, or where it starts."""
        fresh = [id_ for id_, commit in stored.items() if commit is None]
        known = {id_.partition for id_, commit in stored.items() if commit is not None}
        starts = self._starts_of.resolve(fresh, known, self._nonce) if fresh else {}
        gained = []
        for id_, commit in stored.items():
            known_start = None if commit is None else (commit.offset, self._inherited(id_, commit))
            start, inherited = known_start or (starts[id_], NOTHING)
            partition = self._partition(id_.partition)
            window = Window(id_, partition, start, inherited, self._terms.limits, self._handover.is_once)
            self.windows[id_] = window
            gained.append(window)
        return gained

    def _partition(self, number: int) -> Partition:
        if number not in self.partitions:
            gate = Gate(str(number), self._clock, self.pulse, self._terms.lease_s, self._terms.wait_s)
            self.partitions[number] = Partition(number, gate)
        return self.partitions[number]

    def _inherited(self, id_: PartitionId, commit: Commit) -> Inherited:
        try:
            return read_commit(commit)
        except ForeignCommitError as error:
            raise FatalError(
                f"{id_}: {error}. Nothing is sent from there before somebody looked: `{self._starts_of.way_out}`"
            ) from error

    def _close_gates(self) -> None:
        for partition in self.partitions.values():
            partition.gate.close()
