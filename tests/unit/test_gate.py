"""The gate: nothing leaves for a partition that may be somebody else's."""

import threading

import pytest

from common.errors import GateClosedError
from tests.support.clock import ManualClock
from workers.sinks.gate import BatchPermit, Gate, Pulse


def gate(clock: ManualClock, name: str = "0") -> tuple[Gate, Pulse]:
    pulse = Pulse(clock)
    return Gate(name, clock, pulse, max_age_s=10.0), pulse


def enter(gate: Gate) -> None:
    with gate.passage():
        pass


def test_a_gate_is_closed_until_a_commit_was_acknowledged() -> None:
    """Assignment alone is no leave to send."""
    it, _ = gate(ManualClock())
    with pytest.raises(GateClosedError, match="partition 0"):
        enter(it)


def test_an_acknowledged_commit_opens_it() -> None:
    """The coordinator accepted us as this partition's owner."""
    it, _ = gate(ManualClock())
    it.renew()
    enter(it)


@pytest.mark.parametrize("stuck", ["commit", "poll"])
def test_it_closes_by_age(stuck: str) -> None:
    """Half a session without an acknowledged commit, or without a poll: somebody else may be the owner."""
    clock = ManualClock()
    it, pulse = gate(clock)
    it.renew()
    clock.advance(9.0)
    (pulse.beat if stuck == "commit" else it.renew)()
    enter(it)
    clock.advance(1.5)
    with pytest.raises(GateClosedError):
        enter(it)


def test_revocation_closes_it_at_once() -> None:
    """No request starts after the gate was closed, and it stays so until a new commit."""
    it, _ = gate(ManualClock())
    it.renew()
    it.close()
    with pytest.raises(GateClosedError):
        enter(it)


def test_those_inside_are_waited_for() -> None:
    """A revocation waits, within a bound, for requests that have begun."""
    it, _ = gate(ManualClock())
    it.renew()
    entered, leave = threading.Event(), threading.Event()

    def request() -> None:
        with it.passage():
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
    first.renew()
    permit = BatchPermit([first, second])
    with pytest.raises(GateClosedError, match="partition 2"), permit():
        pytest.fail("nobody gets here")
    assert first.wait_empty(0)
