"""The gate: nothing leaves for a partition that may be somebody else's."""

import threading

import pytest

from common.errors import GateClosedError
from tests.support.clock import ManualClock
from workers.sinks.gate import BatchPermit, Gate, Pulse


def gate(clock: ManualClock, name: str = "0", wait_s: float = 0.0) -> tuple[Gate, Pulse]:
    pulse = Pulse(clock)
    return Gate(name, clock, pulse, lease_s=10.0, wait_s=wait_s), pulse


def enter(gate: Gate) -> None:
    gate.enter()
    gate.leave()


def test_a_gate_is_closed_until_a_commit_was_acknowledged() -> None:
    """Assignment alone is no leave to send."""
    clock = ManualClock()
    it, _ = gate(clock)
    with pytest.raises(GateClosedError, match="partition 0"):
        enter(it)


def test_an_acknowledged_commit_opens_it() -> None:
    """The coordinator accepted us as this partition's owner."""
    clock = ManualClock()
    it, _ = gate(clock)
    it.renew(clock.monotonic())
    enter(it)


@pytest.mark.parametrize("stuck", ["commit", "poll"])
def test_it_closes_by_age(stuck: str) -> None:
    """Half a session without an acknowledged commit, or without a poll: somebody else may be the owner."""
    clock = ManualClock()
    it, pulse = gate(clock)
    it.renew(clock.monotonic())
    clock.advance(9.0)
    pulse.beat() if stuck == "commit" else it.renew(clock.monotonic())
    enter(it)
    clock.advance(1.5)
    with pytest.raises(GateClosedError):
        enter(it)


def test_an_answer_that_was_read_late_opens_nothing() -> None:
    """The process slept between the coordinator's answer and its reading: the lease began when the commit was sent."""
    clock = ManualClock()
    it, pulse = gate(clock)
    sent_at = clock.monotonic()
    clock.advance(11.0)
    pulse.beat()
    it.renew(sent_at)
    with pytest.raises(GateClosedError):
        enter(it)


def test_a_successor_waits_for_its_predecessors_lease() -> None:
    """Whatever is committed meanwhile."""
    clock = ManualClock()
    it, pulse = gate(clock, wait_s=3.0)
    it.renew(clock.monotonic())
    clock.advance(2.9)
    assert not it.is_open
    clock.advance(0.2)
    pulse.beat()
    enter(it)


def test_revocation_closes_it_at_once() -> None:
    """No request starts after the gate was closed, and it stays so until a new commit."""
    clock = ManualClock()
    it, _ = gate(clock)
    it.renew(clock.monotonic())
    it.close()
    with pytest.raises(GateClosedError):
        enter(it)


def test_those_inside_are_waited_for() -> None:
    """A revocation waits, within a bound, for requests that have begun."""
    clock = ManualClock()
    it, _ = gate(clock)
    it.renew(clock.monotonic())
    entered, leave = threading.Event(), threading.Event()

    def request() -> None:
        with BatchPermit([it])():
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=request)
    thread.start()
    entered.wait(5)
    it.close()
    assert not it.wait_empty(0.01)
    leave.set()
    assert it.wait_empty(5)
    thread.join()


def test_a_batch_passes_all_gates_or_none() -> None:
    """One partition that is not ours keeps the whole request back, and leaves no trace inside the others."""
    clock = ManualClock()
    first, second = gate(clock, "1")[0], gate(clock, "2")[0]
    first.renew(clock.monotonic())
    permit = BatchPermit([first, second])
    with pytest.raises(GateClosedError, match="partition 2"), permit():
        pytest.fail("nobody gets here")
    assert first.wait_empty(0)
