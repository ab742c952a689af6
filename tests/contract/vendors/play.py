"""One delivery from its first try to its end, by the rules of the runner (workers/sinks/judge.py), without waiting."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import assert_never

from pydantic import ValidationError

from common.errors import UnusableEventError
from common.reasons import Reason
from tests.contract.vendors.adapter import Adapter
from tests.contract.vendors.cases import HASTY, HASTY_S, Case, Told
from tests.support.poll import eventually
from workers.sinks.api import (
    Answered,
    Batch,
    Deferred,
    Delivered,
    Hold,
    Item,
    Outcome,
    Refused,
    Rejected,
    Repeat,
    Sink,
    Suppressed,
    Unsure,
    Verdict,
)

_PATIENT_S = 10.0
_MOST_TRIES = 3
_LOOK_UPS = 5


class Skews:
    """A meter that keeps how far our clock was ahead of the vendor's."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def requested(self, action: str, status: int | None, seconds: float) -> None:
        """Not looked at here."""

    def skewed(self, seconds: float) -> None:
        """Told with every answer."""
        self.seen.append(seconds)


@contextmanager
def allowed() -> Iterator[None]:
    """A permit that lets everything pass."""
    yield


def deliver(sink: Sink, action: str, items: Sequence[Item]) -> Outcome:
    """One request with these items."""
    return sink.deliver(Batch(sink.actions[action], items[0].shared_by, items, allowed))


def played(vendor: Adapter, action: str, case: Case, meter: Skews) -> tuple[Told, Outcome | Rejected]:
    """What a case came to, and what was said first. Another worker may take over: the first sink is gone then."""
    vendor.begin(action)
    with _sink(vendor, HASTY_S if case in HASTY else _PATIENT_S, meter) as first_sink:
        vendor.script(action, case, first_sink)
        first = _first(vendor, first_sink, action, case)
        acted = vendor.expected(action, case).done
        if case is Case.ACTS_LATE:
            eventually(lambda: vendor.done(action) == acted, what="the vendor acts late")
        vendor.relent()
        if case not in HASTY:
            return _told(vendor, action, first, _end(vendor, first_sink, action, first)), first
    with _sink(vendor, _PATIENT_S, meter) as heir:
        return _told(vendor, action, first, _end(vendor, heir, action, first)), first


def said(outcome: Outcome | Verdict) -> str:
    """A verdict, a refusal or a hold in two words."""
    match outcome:
        case Answered(verdicts):
            return ", ".join(said(verdict) for verdict in verdicts)
        case Hold(cause):
            return f"hold {cause}"
        case Delivered():
            return "delivered"
        case _:
            return f"{type(outcome).__name__.lower()} {outcome.reason}"


@contextmanager
def _sink(vendor: Adapter, read_s: float, meter: Skews) -> Iterator[Sink]:
    one = vendor.connect(read_s, meter)
    try:
        yield one
    finally:
        one.close()


def _first(vendor: Adapter, sink: Sink, action: str, case: Case) -> Outcome | Rejected:
    if case is Case.OVERSIZED:
        try:
            item = vendor.item(sink, action, **vendor.oversized(action))
        except UnusableEventError as error:
            return Rejected(error.reason, error.detail)
        except ValidationError:  # a flow's parameters are checked by their model first (workers/flows/parameters.py)
            return Rejected(Reason.INVALID_PARAMETER)
        return deliver(sink, action, [item])
    return deliver(sink, action, [vendor.item(sink, action)])


def _end(vendor: Adapter, sink: Sink, action: str, outcome: Outcome | Rejected) -> Verdict:
    """What the runner would end with, the vendor being well."""
    for _ in range(_MOST_TRIES):
        match outcome:
            case Rejected():
                return outcome
            case Refused(reason, detail, code):
                return Rejected(reason, detail, code)
            case Hold():
                assert sink.probe(sink.actions[action]) is None, "the probe says so when all is well"
            case Answered(verdicts):
                (verdict,) = verdicts
                end = _ended(vendor, sink, action, verdict)
                if end is not None:
                    return end
            case _:
                assert_never(outcome)
        outcome = deliver(sink, action, [vendor.item(sink, action)])
    raise AssertionError(f"no end after {_MOST_TRIES} tries: {outcome}")


def _ended(vendor: Adapter, sink: Sink, action: str, verdict: Verdict) -> Verdict | None:
    """The end, or None when it is to be sent again."""
    made = sink.actions[action]
    match verdict:
        case Delivered() | Suppressed() | Rejected():
            return verdict
        case Deferred():
            return None
        case Unsure() if made.can_look_up:
            return _looked_up(vendor, sink, action)
        case Unsure() if made.repeat is Repeat.REPEATABLE or made.recognises_repeats:
            return None
        case Unsure(_, detail):
            return Rejected(Reason.IN_DOUBT, detail)
        case _:
            assert_never(verdict)


def _looked_up(vendor: Adapter, sink: Sink, action: str) -> Verdict | None:
    """As often as the runner asks; then a person has to look."""
    for _ in range(_LOOK_UPS):
        (found,) = sink.look_up(sink.actions[action], [vendor.item(sink, action)])
        if not isinstance(found, Unsure):
            return found
    return Rejected(Reason.IN_DOUBT, f"looked up {_LOOK_UPS} times")


def _told(vendor: Adapter, action: str, first: Outcome | Rejected, end: Verdict) -> Told:
    return Told(said(first), said(end), vendor.sent(action), vendor.done(action))
