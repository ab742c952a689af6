"""Preference events into evidence and decisions (flow M3): reports in, `comms.consent.v1` out."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.store.pseudonyms import Pseudonyms
from common.store.times import moment_of
from common.store.values import Decision, Evidence, Scope
from topics.catalogue import topics
from workers.consent.report import Report, read_report
from workers.consent.settle import Known, Settled, Settlement, evidence_of
from workers.consent.words import Kind, Weight
from workers.journeys.incoming import Lift, Unreadable
from workers.journeys.memory import Memory

TOPIC = "comms.consent.v1"

_NOTHING: Mapping[str, Any] = {}

UNREADABLE = "unreadable"
"""Origin of the objection that stands in for a report that nobody can read."""


class Preferences:
    """Takes in reports, by a site's rules."""

    def __init__(self, settlement: Settlement, pseudonyms: Pseudonyms) -> None:
        self._settlement, self._pseudonyms = settlement, pseudonyms

    def take(self, memory: Memory, value: Mapping[str, Any]) -> None:
        """One report: about its address, about its customer, or both."""
        report, customer = read_report(value), value["customer"]
        if value["address"]:
            _keep_newest(memory, report.about(self._pseudonyms.address(value["address"])))
        if customer:
            self._settle(memory, customer, report, value)

    def join(self, memory: Memory, customer: Mapping[str, Any], substitute: str) -> None:
        """What was reported of a substitute counts for the customer that it turned out to be."""
        said = [one for one in of_subject(memory, f"c:{substitute}") if one.origin != UNREADABLE]
        for one in sorted(said, key=lambda each: each.effective_at):
            report = Report(one.scope, one.state, Weight(one.weight), one.effective_at, one.origin, one.event_id)
            self._settle(memory, customer, report)

    def _settle(
        self, memory: Memory, customer: Mapping[str, Any], report: Report, told: Mapping[str, Any] = _NOTHING
    ) -> None:
        """`told` is the event that reported; its actor and proof go with the decision that is its own."""
        before = known(memory, customer["customer_id"], report.scope)
        settled = self._settlement.settle(before, report, memory.now)
        for one in evidence_of(settled, before):
            memory.evidence.put(one)
        if not customer["resolved"]:
            return  # no other system knows this id: it is asked at the send, and counts once it is linked
        for name, view in settled.known.systems.items():
            if view != before.systems.get(name):
                memory.systems.put(view)
        if settled.known.decision is not None:
            memory.decisions.put(settled.known.decision)
        if settled.is_due:
            _publish(memory, customer, settled, report, told)


def suppress_unreadable(memory: Memory, one: Unreadable) -> None:
    """A preference of this customer cannot be read: nothing but what must be sent reaches them until it can.

    Each letter objects for itself: the row has its name where others have a subscription group. `lift_unreadable`
    takes the objection back when the letter comes back in words that can be read, or is discarded.
    """
    scope = Scope(Kind.CONSENT, subscription_group=one.letter)
    subject = f"c:{one.customer_id}"
    memory.evidence.put(Evidence(subject, *scope, Weight.EXPLICIT, "UNKNOWN", one.at, UNREADABLE, one.letter))


def lift_unreadable(memory: Memory, one: Lift) -> None:
    """The letter was dealt with: its report stands for itself now, or for nothing."""
    for row in of_subject(memory, f"c:{one.customer_id}"):
        if (row.origin, row.event_id) == (UNREADABLE, one.letter):
            memory.evidence.drop(*memory.evidence.shape.key_of(row))


def known(memory: Memory, customer_id: str, scope: Scope) -> Known:
    """What is known about one wish of a customer."""
    reports = (one for one in of_subject(memory, f"c:{customer_id}") if one.scope == scope)
    views = memory.systems.where(lambda view: view.customer_id == customer_id and _scope(view) == scope)
    return Known(
        customer_id,
        {(one.weight, one.state): one for one in reports},
        memory.decisions.get(customer_id, *scope),
        {view.system: view for view in views},
    )


def of_subject(memory: Memory, subject: str) -> Iterable[Evidence]:
    """Everything reported about a customer or an address."""
    return memory.evidence.where(lambda one: one.subject == subject)


def consent_key(customer_id: str, scope: Scope) -> bytes:
    """The key of a decision on its compacted topic."""
    parts = {name: part or None for name, part in scope._asdict().items()}
    key = topics()[TOPIC].key_of({"customer": {"customer_id": customer_id}, **parts})
    assert key is not None  # the first part is there
    return key


def _publish(
    memory: Memory, customer: Mapping[str, Any], settled: Settled, report: Report, told: Mapping[str, Any]
) -> None:
    decision = settled.known.decision
    assert decision is not None  # what is due was decided
    key = consent_key(decision.customer_id, report.scope)
    event = _event(customer, decision, settled) | (_who_and_proof(told) if _decides(report, decision) else {})
    memory.emit(TOPIC, key, event, report.event_id, *report.scope)


def _decides(report: Report, decision: Decision) -> bool:
    """Whether what holds now is what this very report said."""
    said = (report.system, report.state, report.effective_at)
    return said == (decision.origin, decision.state, decision.effective_at)


def _who_and_proof(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told.get(name) for name in ("actor", "proof")}


def _event(customer: Mapping[str, Any], decision: Decision, settled: Settled) -> dict[str, Any]:
    is_channel = decision.kind == Kind.PREFERRED_CHANNEL
    return {
        "type": "DECIDED",
        "occurred_at": moment_of(decision.effective_at),
        "customer": dict(customer),
        "caused_by": decision.event_id,
        "kind": decision.kind,
        "channel": decision.channel or None,
        "purpose": decision.purpose or None,
        "subscription_group": decision.subscription_group or None,
        "preferred_channel": decision.state if is_channel else None,
        "state": None if is_channel else decision.state,
        "effective_at": moment_of(decision.effective_at),
        "origin": decision.origin,
        "write_to": list(settled.write_to),
    }


def _keep_newest(memory: Memory, report: Evidence) -> None:
    kept = memory.evidence.get(*memory.evidence.shape.key_of(report))
    if kept is None or report.effective_at > kept.effective_at:
        memory.evidence.put(report)


def _scope(view: Any) -> Scope:
    return Scope(view.kind, view.channel, view.purpose, view.subscription_group)
