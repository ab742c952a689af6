"""Which partitions are ours, from where they are read, and what is committed of them.

Only the runner's thread is here. A partition has one commit under way, plain or in a transaction,
never both: the older one would win (engine §3).
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.clock import Clock
from common.errors import FatalError
from common.event import Commit, PartitionId
from common.kafka.consumer import CommitError
from workers.sinks.gate import Pulse
from workers.sinks.holdings import Holdings, Terms
from workers.sinks.meter import Meter
from workers.sinks.naming import Naming
from workers.sinks.progress import Settled
from workers.sinks.window import Partition, Window

log = logging.getLogger(__name__)

_REVOKE_BOUND_S = 5.0
_ASSIGN_BOUND_S = 60.0


class Member(Protocol):
    """What a group member can do (common/kafka/consumer.py)."""

    def assign(self, starts: Mapping[PartitionId, int]) -> None: ...
    def unassign(self) -> None: ...
    def committed(self, partitions: Collection[PartitionId]) -> dict[PartitionId, Commit | None]: ...
    def commit(self, offsets: Mapping[PartitionId, Commit]) -> None: ...
    def commit_now(self, offsets: Mapping[PartitionId, Commit]) -> None: ...
    def group_metadata(self) -> Any: ...


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


class Ownership:
    """The partitions of one runner; a GroupListener."""

    def __init__(
        self, member: Member, holdings: Holdings, terms: Terms, naming: Naming, handover: Handover, clock: Clock,
        pulse: Pulse, meter: Meter,
    ) -> None:  # fmt: skip
        self._member, self._holdings, self._terms, self._naming = member, holdings, terms, naming
        self._handover, self._clock, self._meter = handover, clock, meter
        self._under_way: dict[PartitionId, Commit] = {}
        self._sent_at = self._beat_at = clock.monotonic()
        self._assigned_at = clock.monotonic()
        self.is_assigned = False
        self.pulse = pulse

    @property
    def partitions(self) -> Mapping[int, Partition]:
        """The partitions that are ours, by number."""
        return self._holdings.partitions

    @property
    def windows(self) -> Mapping[PartitionId, Window]:
        """What of their topics is in hand."""
        return self._holdings.windows

    @property
    def trouble(self) -> str:
        """What keeps it unready until an operator has decided; empty while nothing does."""
        return "; ".join(f"{window.id}: {window.why}" for window in self._holdings.lost_offsets)

    @property
    def is_ready(self) -> bool:
        """Able to send, and no partition waits for an operator."""
        return self.may_send and not self.trouble

    @property
    def may_send(self) -> bool:
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
        kept = self._holdings.kept(stored)
        self._holdings.drop(kept)
        self._handover.after_loss()
        gained = self._holdings.gain({id_: commit for id_, commit in stored.items() if id_.partition not in kept})
        self._member.assign({id_: self.windows[id_].progress.position for id_ in stored})
        for window in self.windows.values():
            window.is_paused = False
            window.go_on()
        self._handover.on_gained(gained)
        self._handover.on_numbers(self.partitions.keys(), {window.id.partition for window in gained})
        self.is_assigned, self._assigned_at = True, self._clock.monotonic()
        self._commit_now(self._holdings.commits())

    def revoked(self, partitions: Collection[PartitionId]) -> None:  # noqa: ARG002 the classic protocol takes all
        """Let nobody in, wait for those inside, commit what is settled."""
        self._meter.rebalanced()
        self._leave()
        self._handover.before_revocation(_REVOKE_BOUND_S)
        self._commit_now(self._holdings.commits(_is_free), opens=False)
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
        """Its offset is outside the log: it is held until an operator has decided; the others go on."""
        log.error("%s: %s", partition, self._holdings.lose_offset(partition, message))

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
        return window.commit(self._holdings.nonce, settled)

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
            self._commit_now(self._holdings.commits(_is_free))

    # -- pieces -------------------------------------------------------------------------------

    def _due(self, is_beat: bool) -> Iterator[tuple[PartitionId, Commit]]:
        for id_, window in self.windows.items():
            if window.is_settling or not (window.is_dirty or is_beat):
                continue
            window.is_dirty = False
            yield id_, window.commit(self._holdings.nonce)

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
            self._holdings.close_gates()

    def _leave(self) -> None:
        """No request and no commit belongs to this membership any more."""
        self.is_assigned = False
        self._under_way = {}
        self._holdings.close_gates()
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


def _is_free(window: Window) -> bool:
    """Whether no transaction of it is under way."""
    return not window.is_settling
