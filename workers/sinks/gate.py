"""The gate: leave to send for one partition, asked for at a request's first byte.

The client's own idea of what it owns cannot be trusted: `assignment()` still lists partitions that
were lost, and a fenced static member gets no callback at all (both measured). So a partition has a
gate of its own: an acknowledged commit opens it, a revocation or a fatal error closes it, and it closes by
itself when the last acknowledged commit was sent, or the last poll was, longer ago than the lease. For a dynamic
member that is half a session, because after a whole session somebody else may own the partition. The successor of
a static member is let in at once, whatever the old one does: it waits for the old one's lease to run out.
"""

import threading
from collections.abc import Collection
from typing import Protocol

from common.clock import Clock
from common.errors import GateClosedError


class Pulse:
    """When the consumer was last polled: shared by all gates of a runner."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.beat_at = clock.monotonic()

    def beat(self) -> None:
        """The consumer has just been polled."""
        self.beat_at = self._clock.monotonic()


class Gate:
    """Counts requests in and out; closed until `renew` says that a commit was acknowledged."""

    def __init__(self, name: str, clock: Clock, pulse: Pulse, lease_s: float, wait_s: float = 0.0) -> None:
        """`wait_s`: how long after its making it stays closed whatever is committed."""
        self._name = name
        self._clock = clock
        self._pulse = pulse
        self._lease_s = lease_s
        self._opens_at = clock.monotonic() + wait_s
        self._renewed_at: float | None = None
        self._inside = 0
        self._changed = threading.Condition()

    def renew(self, sent_at: float) -> None:
        """A commit of this ownership, sent at `sent_at`, was acknowledged: open, or stay open, for a lease from then.

        When the answer was read says nothing: this process may have slept since it came.
        """
        with self._changed:
            self._renewed_at = max(self._renewed_at or sent_at, sent_at)

    def close(self) -> None:
        """Let nobody in any more; those inside finish."""
        with self._changed:
            self._renewed_at = None

    @property
    def is_open(self) -> bool:
        """Whether a request may start now."""
        since, now = self._renewed_at, self._clock.monotonic()
        return since is not None and now >= self._opens_at and now - min(since, self._pulse.beat_at) < self._lease_s

    def enter(self) -> None:
        """Be inside until `leave`, for as long as a request runs. Raises GateClosedError instead of letting in."""
        with self._changed:
            if not self.is_open:
                raise GateClosedError(f"partition {self._name} is not ours for certain: nothing was sent")
            self._inside += 1

    def leave(self) -> None:
        """The request ended."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no request is inside; False when some still is after `timeout_s` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._inside, timeout_s)


class Entry(Protocol):
    """What a request has to pass, and is inside of while it runs."""

    def enter(self) -> None: ...
    def leave(self) -> None: ...


class Expiry:
    """Lets requests in until a monotonic time: what allowed them is too old afterwards."""

    __slots__ = ("_clock", "_until")

    def __init__(self, until: float, clock: Clock) -> None:
        self._until, self._clock = until, clock

    def enter(self) -> None:
        """Raises GateClosedError when the time is over."""
        if self._clock.monotonic() >= self._until:
            raise GateClosedError("what is known of consent became too old while the request waited: nothing was sent")

    def leave(self) -> None:
        """The request ended."""


class BatchPermit:
    """A batch's leave: through the gates of all its partitions, or through none."""

    __slots__ = ("_gates",)

    def __init__(self, gates: Collection[Entry]) -> None:
        self._gates = gates

    def __call__(self) -> "_Passage":
        """Inside every gate at once. Entering raises GateClosedError when one is closed."""
        return _Passage(self._gates)


class _Passage:
    """One way through; without a generator for each of a batch's gates, which takes six times as long."""

    __slots__ = ("_gates", "_inside")

    def __init__(self, gates: Collection[Entry]) -> None:
        self._gates = gates
        self._inside: list[Entry] = []

    def __enter__(self) -> None:
        try:
            for gate in self._gates:
                gate.enter()
                self._inside.append(gate)
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        while self._inside:
            self._inside.pop().leave()
