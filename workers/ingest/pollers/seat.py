"""The seat of a source: who owns partition 0 of the checkpoint topic polls, everybody else stands by.

The group decides who that is; correctness does not rest on it. A member that was stopped for so long that its seat
went to another finds its transactional id fenced at its next commit, and ends (session.py).
"""

import logging
import random
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from common.backoff import full_jitter
from common.clock import Clock
from common.event import Commit, PartitionId
from common.kafka.consumer import CommitError, GroupListener, Record
from common.kafka.log_reader import TopicUnreadableError
from common.kafka.transactions import AbortedError
from workers.ingest.pollers.cursor import PARTITION
from workers.ingest.pollers.hooks import PollHook
from workers.ingest.pollers.session import Stop

_log = logging.getLogger(__name__)

_READ_S = 0.5
_LEAVE_S = 5.0
_END = -1  # librdkafka's OFFSET_END: only what is written from now on, as a sign that the broker answers
_AGAIN_BASE_S, _AGAIN_CAP_S = 1.0, 30.0


class Member(Protocol):
    """A member of the source's group (common/kafka/consumer.py)."""

    def subscribe(self, topics: Collection[str], listener: GroupListener) -> None: ...

    def read(self, at_most: int, timeout_s: float) -> Sequence[Record]: ...

    def assign(self, starts: Mapping[PartitionId, int]) -> None: ...

    def unassign(self) -> None: ...

    def close(self) -> None: ...


class _Run:
    """One session in its thread."""

    def __init__(self, run: Callable[[Stop], None]) -> None:
        self._stop = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._keep, args=(run,), name="poller", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def end(self, within_s: float) -> bool:
        """Tell it to stop; whether it did in time. One that hangs at the vendor is fenced by its successor."""
        self._stop.set()
        self._thread.join(within_s)
        return self.is_over

    def _keep(self, run: Callable[[Stop], None]) -> None:
        try:
            run(self._stop.wait)
        except BaseException as error:  # raised again by whoever looks
            self.failure = error


class Seat:
    """Runs a session for as long as this member owns partition 0. `status_at` moves while it is alive."""

    def __init__(
        self, member: Member, topic: str, begin: Callable[[Stop], None], clock: Clock, hook: PollHook,
        heard: Callable[[], None] = lambda: None, rng: random.Random | None = None,
    ) -> None:  # fmt: skip
        """`begin` runs one session until it is told to stop; it is called once for each. `heard`: a broker answers."""
        self._member, self._seat, self._begin = member, PartitionId(topic, PARTITION), begin
        self._clock, self._hook, self._heard, self._rng = clock, hook, heard, rng or random.Random()
        self._is_ours = False
        self._run: _Run | None = None
        self._not_before, self._failures = 0.0, 0
        self.is_member, self.status_at = False, 0.0

    @property
    def is_active(self) -> bool:
        """Whether this worker polls."""
        return self._run is not None

    def serve(self, stop: threading.Event) -> None:
        """Be a member until told to stop. Raises FatalError or ConfigurationError when the process must end."""
        self._member.subscribe([self._seat.topic], self)
        try:
            while not stop.is_set():
                self._member.read(100, _READ_S)
                self.status_at = self._clock.monotonic()
                self._tend()
        finally:
            self._leave(_LEAVE_S)
            self._member.close()

    # -- what the group decides, told inside `read` ---------------------------------------------

    def assigned(self, partitions: Collection[PartitionId]) -> None:
        """We are a member; with the seat, or standing by."""
        self._member.assign(dict.fromkeys(partitions, _END))
        self._heard()
        self.is_member, self._is_ours = True, self._seat in partitions

    def revoked(self, partitions: Collection[PartitionId]) -> None:
        """Another may be about to take the seat: what is being committed is waited for, within a bound."""
        if self._seat in partitions:
            self._is_ours = False
            self._leave(_LEAVE_S)
        self._member.unassign()

    def lost(self, partitions: Collection[PartitionId]) -> None:
        """Another has it already; whatever we still commit is refused."""
        if self._seat in partitions:
            self._is_ours = False
            self._leave(0)
        self._member.unassign()

    def committed(self, confirmed: Mapping[PartitionId, Commit], failure: CommitError | None) -> None:
        """No offsets are committed here: the cursor is a record."""

    def partition_failed(self, partition: PartitionId, message: str) -> None:
        """What is read as a member is not looked at."""

    # -- sessions -------------------------------------------------------------------------------

    def _tend(self) -> None:
        if self._run is not None and self._run.is_over:
            self._ended(self._run.failure)
        if self._is_ours and self._run is None and self._clock.monotonic() >= self._not_before:
            self._run = _Run(self._begin)
            self._hook.active(True)

    def _ended(self, failure: BaseException | None) -> None:
        self._run = None
        self._hook.active(False)
        match failure:
            case None:
                self._failures = 0
            case AbortedError() | TopicUnreadableError():
                self._failures += 1
                wait_s = full_jitter(self._failures, _AGAIN_BASE_S, _AGAIN_CAP_S, self._rng)
                self._not_before = self._clock.monotonic() + wait_s
                _log.warning("polling begins anew in %.0f s: %s", wait_s, failure)
            case _:
                raise failure

    def _leave(self, within_s: float) -> None:
        """End the session. What it fails with is over with it: another reads the log anew."""
        if self._run is None:
            return
        if not self._run.end(within_s):
            _log.warning("a poller still waits for its source: it will find itself fenced")
        self._run = None
        self._hook.active(False)
