"""What a report changes: the evidence, the decision, and which systems are to be written (design §8).

Loops go quiet because a report that says what we wrote to its system is our own echo: it is no evidence, and the
decision keeps its time. A report that disagrees with the decision has its system written again, once for each change
there; one that crossed our write on its way has not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from common.store.times import SECOND_US
from common.store.values import Decision, Evidence, SystemView
from workers.consent.config import ConsentSettings
from workers.consent.decide import decide, newer
from workers.consent.report import Report
from workers.consent.words import Weight, forbids

_HOUR_US = 3600 * SECOND_US

Kept = Mapping[tuple[str, str], Evidence]
"""What is kept about one wish: by weight and state."""


@dataclass(frozen=True, slots=True)
class Known:
    """One wish of one customer, before a report or after it."""

    customer_id: str
    evidence: Kept
    decision: Decision | None
    systems: Mapping[str, SystemView]


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known now, and the systems to write; `is_due` when the decision is to be published."""

    known: Known
    write_to: tuple[str, ...]
    is_due: bool


class Settlement:
    """The rules of a site: which systems are kept alike, and for how long an echo is one."""

    def __init__(self, settings: ConsentSettings) -> None:
        self._systems = settings.systems
        self._skew_us, self._echo_us = settings.skew_s * SECOND_US, settings.echo_hours * _HOUR_US

    def settle(self, known: Known, report: Report, now: int) -> Settled:
        """Take in a report; `now` in microseconds."""
        view = known.systems.get(report.system) or _unseen(known.customer_id, report)
        disproved = self._disproved(view, report)
        view = self._overtaken(view, disproved) if disproved else view
        is_echo = self._is_echo(view, report, now)
        evidence = _with(known, disproved, None if is_echo else report)
        systems = {**known.systems, report.system: self._seen(view, report, is_echo)}
        return self._decided(Known(known.customer_id, evidence, known.decision, systems), report, now)

    def _is_echo(self, view: SystemView, report: Report, now: int) -> bool:
        """A report of a state that we wrote, no older than the write and no younger than the next one.

        Clocks differ: an allowing state gets the benefit of the skew, a forbidding one counts as news in doubt.
        """
        if report.state not in view.written or report.weight is not Weight.EXPLICIT:
            return False
        _, written_at, replaced_at = view.written[report.state]
        doubt_us = 0 if forbids(report.scope.kind, report.state) else self._skew_us
        is_later = report.effective_at >= written_at - doubt_us
        is_earlier = not replaced_at or _is_before(view, report, replaced_at + doubt_us)
        return is_later and is_earlier and now - written_at <= self._echo_us

    def _seen(self, view: SystemView, report: Report, is_echo: bool) -> SystemView:
        """The newest that the system said; what is only observed says nothing of how the system stands."""
        if report.weight is not Weight.EXPLICIT or report.effective_at < view.effective_at:
            return view
        seen = replace(view, state=report.state, effective_at=report.effective_at, is_echo=is_echo)
        return seen if is_echo else self._overtaken(seen, report)

    def _overtaken(self, view: SystemView, change: Report) -> SystemView:
        """Without the writes that a change at the system came after: the same state again will be no echo of them.

        In doubt a forbidding state counts as news and an allowing one as our echo: that errs to the strict side.
        """
        kept = {
            state: times
            for state, times in view.written.items()
            if change.effective_at <= self._news_from(change.scope.kind, state, times)
        }
        return replace(view, written=kept)

    def _news_from(self, kind: str, state: str, times: list[int]) -> int:
        decided_at, written_at, _ = times
        return decided_at if forbids(kind, state) else written_at + self._skew_us

    def _disproved(self, view: SystemView, report: Report) -> Report | None:
        """What was taken for an echo, when an older report shows that the system had changed in between."""
        if not view.is_echo or view.state == report.state or view.state not in view.written:
            return None
        news_from = self._news_from(report.scope.kind, view.state, view.written[view.state])
        if not news_from < report.effective_at < view.effective_at:
            return None
        return replace(report, state=view.state, effective_at=view.effective_at)

    def _decided(self, known: Known, report: Report, now: int) -> Settled:
        held = decide(known.evidence.values(), self._skew_us)
        if held is None:
            return Settled(known, (), is_due=False)
        decision = Decision(known.customer_id, *held.scope, held.state, held.effective_at, held.origin, report.event_id)
        write_to = tuple(name for name in self._systems if self._differs(known.systems.get(name), decision, now))
        is_new = known.decision is None or known.decision.state != decision.state
        written = {name: _written(known, name, decision, now) for name in write_to}
        after = replace(known, decision=decision, systems={**known.systems, **written})
        return Settled(after, write_to, is_new or bool(write_to))

    def _differs(self, view: SystemView | None, decision: Decision, now: int) -> bool:
        """Whether a system is to be written: it says something else, and no write of this is on its way."""
        if view is None:
            return True
        _, written_at, replaced_at = view.written.get(decision.state, (0, 0, 1))
        is_on_its_way = not replaced_at and view.effective_at <= written_at and now - written_at <= self._echo_us
        return view.state != decision.state and not is_on_its_way


def _is_before(view: SystemView, report: Report, replaced_at: int) -> bool:
    """Whether the system said this before it took our next write; its own clock tells, where it said both."""
    if view.state in view.written and view.written[view.state][1] >= replaced_at:
        return report.effective_at < view.effective_at
    return report.effective_at <= replaced_at


def _unseen(customer_id: str, report: Report) -> SystemView:
    return SystemView(customer_id, *report.scope, report.system, "", 0, False, {})


def _written(known: Known, system: str, decision: Decision, now: int) -> SystemView:
    scope = (decision.kind, decision.channel, decision.purpose, decision.subscription_group)
    view = known.systems.get(system) or SystemView(known.customer_id, *scope, system, "", 0, False, {})
    others = {state: [at, written, replaced or now] for state, (at, written, replaced) in view.written.items()}
    return replace(view, written={**others, decision.state: [decision.effective_at, now, 0]})


def _with(known: Known, *reports: Report | None) -> Kept:
    kept = dict(known.evidence)
    for report in filter(None, reports):
        one = report.about(f"c:{known.customer_id}")
        key = one.weight, one.state
        if key not in kept or newer(one, kept[key]):
            kept[key] = one
    return kept


def evidence_of(settled: Settled, before: Known) -> Collection[Evidence]:
    """What is new, or newer, than before."""
    return [one for key, one in settled.known.evidence.items() if before.evidence.get(key) != one]
