"""Which partitions are ours, from where they are read, and what is committed of them.

Only the runner's thread is here. A partition has one commit under way, plain or in a transaction,
never both: the older one would win (engine §3).
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from common.clock import Clock
from common.errors import FatalError
from common.event import Commit, PartitionId
from common.kafka.consumer import CommitError
from common.reasons import Cause
from workers.sinks.commit_map import ForeignCommitError, done_above, new_nonce
from workers.sinks.gate import Gate, Pulse
from workers.sinks.meter import Meter
from workers.sinks.window import Limits, Partition, Window

log = logging.getLogger(__name__)

_REVOKE_BOUND_S = 5.0
_ASSIGN_BOUND_S = 60.0


class Member(Protocol):
    """What a group member can do (common/kafka/consumer.py)."""

    def assign(self, starts: Mapping[PartitionId, int]) -> None: ...
    def unassign(self) -> None: ...
    def committed(self, partitions: Collection[PartitionId]) -> dict[PartitionId, Commit | None]: ...
    def resolve(self, partitions: Collection[PartitionId], start: str | datetime) -> dict[PartitionId, int]: ...
    def commit(self, offsets: Mapping[PartitionId, Commit]) -> None: ...
    def commit_now(self, offsets: Mapping[PartitionId, Commit]) -> None: ...
    def group_metadata(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How partitions are owned. `session_s` is the group session's length; gates live half of it."""

    start_from: str | datetime
    session_s: float
    commit_interval_s: float
    limits: Limits


class Ownership:
    """The partitions of one runner; a GroupListener.

    `before_revocation` collects what delivery threads and the publisher have finished, waiting at most
    the seconds it is given; `after_loss` forgets everything that stood on partitions no longer ours.
    """

    def __init__(
        self, member: Member, terms: Terms, clock: Clock, meter: Meter,
        before_revocation: Callable[[float], None], after_loss: Callable[[], None],
    ) -> None:  # fmt: skip
        self._member, self._terms, self._clock, self._meter = member, terms, clock, meter
        self._before_revocation, self._after_loss = before_revocation, after_loss
        self._nonce = new_nonce()
        self._under_way: dict[PartitionId, Commit] = {}
        self._sent_at = self._beat_at = clock.monotonic()
        self.pulse = Pulse(clock)
        self.partitions: dict[int, Partition] = {}
        self.windows: dict[PartitionId, Window] = {}

    @property
    def is_ready(self) -> bool:
        """Assigned and able to commit."""
        return bool(self.windows) and all(partition.gate.is_open for partition in self.partitions.values())

    # -- what the group says ------------------------------------------------------------------

    def assigned(self, partitions: Collection[PartitionId]) -> None:
        """Find the start offsets, write our nonce, open the gates."""
        self._meter.rebalanced()
        deadline = self._clock.monotonic() + _ASSIGN_BOUND_S
        while True:
            try:
                starts = self._starts(partitions)
                break
            except CommitError as error:
                if self._clock.monotonic() > deadline:
                    raise FatalError(
                        f"start offsets could not be learned for {_ASSIGN_BOUND_S:.0f} s: {error}"
                    ) from error
        self._member.assign({id_: commit.offset for id_, commit in starts.items()})
        for id_, commit in starts.items():
            self.windows[id_] = Window(
                id_, self._partition(id_.partition), commit.offset, _done(id_, commit), self._terms.limits
            )
        self._commit_now({id_: window.commit(self._nonce) for id_, window in self.windows.items()})

    def revoked(self, partitions: Collection[PartitionId]) -> None:  # noqa: ARG002 the classic protocol takes all
        """Let nobody in, wait for those inside, commit what is settled, forget."""
        self._meter.rebalanced()
        self._close_gates()
        self._before_revocation(_REVOKE_BOUND_S)
        self._commit_now(
            {id_: w.commit(self._nonce) for id_, w in self.windows.items() if w.is_dirty and not w.is_settling}
        )
        self._forget()

    def lost(self, partitions: Collection[PartitionId]) -> None:  # noqa: ARG002 all of them, too
        """Somebody else owns them already: send nothing, commit nothing, forget."""
        self._meter.rebalanced()
        log.warning("partitions were lost: the group went on without this worker for a session")
        self._close_gates()
        self._forget()

    def committed(self, confirmed: Mapping[PartitionId, Commit], failure: CommitError | None) -> None:
        """An asynchronous commit ended; confirmed offsets keep their partition's gate open."""
        for id_, commit in confirmed.items():
            if self._under_way.get(id_) == commit:
                self.confirm(id_, commit)
        self._under_way = {}
        self._meter.committed(self._clock.monotonic() - self._sent_at)
        if failure is not None:
            self._on_failure(failure)

    def partition_failed(self, partition: PartitionId, message: str) -> None:
        """The start offset is outside the log: events were deleted before they were delivered."""
        log.error(
            "%s cannot be read on (%s): its offset is outside the log; not ready until offsets are set",
            partition,
            message,
        )
        if window := self.windows.get(partition):
            window.hold = Cause.CONFIGURATION
            window.partition.gate.close()

    # -- commits ------------------------------------------------------------------------------

    def confirm(self, id_: PartitionId, commit: Commit) -> None:
        """A commit is durable, by itself or in a transaction."""
        if window := self.windows.get(id_):
            window.committed = commit
            window.partition.gate.renew()

    def is_committing(self, id_: PartitionId) -> bool:
        """Whether a plain commit of this partition is under way."""
        return id_ in self._under_way

    def settlement_commit(self, window: Window, settled: dict[int, int]) -> Commit:
        """What a transaction commits for a window, with what it settles counted as done."""
        return window.commit(self._nonce, settled)

    def commit_due(self) -> None:
        """Commit what changed, at most every interval; all of it every quarter of a session (engine §3)."""
        now = self._clock.monotonic()
        if self._under_way or now - self._sent_at < self._terms.commit_interval_s:
            return
        is_beat = now - self._beat_at >= self._terms.session_s / 4
        offsets = dict(self._due(is_beat))
        if is_beat:
            self._beat_at = now
        if offsets:
            self._sent_at, self._under_way = now, offsets
            self._send(offsets)

    def commit_all_now(self) -> None:
        """Commit what is settled before closing; the embedded broker takes no commit in a revocation."""
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
            self._on_failure(error)

    def _commit_now(self, offsets: Mapping[PartitionId, Commit]) -> None:
        if not offsets:
            return
        try:
            self._member.commit_now(offsets)
        except CommitError as error:
            self._on_failure(error)
            return
        for id_, commit in offsets.items():
            self.confirm(id_, commit)

    def _on_failure(self, error: CommitError) -> None:
        for window in self.windows.values():
            window.is_dirty = True
        if error.is_transient:
            log.info("%s: nothing is confirmed, tried again", error)
        else:
            log.warning("%s: nothing is sent until this worker is a member again", error)
            self._close_gates()

    def _starts(self, partitions: Collection[PartitionId]) -> dict[PartitionId, Commit]:
        """Where each partition begins: as committed, else where `start_from` says."""
        stored = self._member.committed(partitions)
        fresh = [id_ for id_, commit in stored.items() if commit is None]
        resolved = self._member.resolve(fresh, self._terms.start_from) if fresh else {}
        return {id_: commit or Commit(resolved[id_], "") for id_, commit in stored.items()}

    def _partition(self, number: int) -> Partition:
        if number not in self.partitions:
            gate = Gate(str(number), self._clock, self.pulse, self._terms.session_s / 2)
            self.partitions[number] = Partition(number, gate)
        return self.partitions[number]

    def _close_gates(self) -> None:
        for partition in self.partitions.values():
            partition.gate.close()

    def _forget(self) -> None:
        for partition in self.partitions.values():
            partition.is_ours = False
        self.partitions, self.windows, self._under_way = {}, {}, {}
        self._after_loss()
        self._member.unassign()


def _done(id_: PartitionId, commit: Commit) -> frozenset[int]:
    if not commit.metadata:
        return frozenset()
    try:
        return done_above(commit)
    except ForeignCommitError as error:
        log.warning("%s: %s; read on from there", id_, error)
        return frozenset()
