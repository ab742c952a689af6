"""What happens in the town: each act is a list of signals, in the order in which they are posted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workers.demo.signals import braze as braze_signals
from workers.demo.signals import ecm, exstream, marketo, people
from workers.demo.signals.people import Person

PEOPLE = tuple(Person(number) for number in range(36))
REFUSED = PEOPLE[13]
"""The customer whom Braze refuses for a while."""

_PREFERENCES, _PROFILES, _COMMUNICATIONS, _ALERTS = (
    f"comms.{name}.v1" for name in ("preference", "profile", "communication", "alert")
)


@dataclass(frozen=True, slots=True)
class Signal:
    """One POST: to the source's hook, or, with a topic, a canonical event."""

    source: str
    body: Any
    topic: str = ""


def census() -> Iterator[Signal]:
    """Who lives here, and what they agreed to: the insurer's own systems tell."""
    for who in PEOPLE:
        yield Signal("upstream", people.profile(who, **_known(who)), _PROFILES)
        yield Signal("upstream", people.wish(who, kind="CONSENT", state="OPTED_IN"), _PREFERENCES)


def letters() -> Iterator[Signal]:
    """Exstream sends letters: welcomes, statements, premium notices, and what nobody likes to get."""
    for who in PEOPLE[0:6]:
        yield from _sent(who, "welcome_letter", Product="savings")
    for who in PEOPLE[6:12]:
        yield from _sent(who, "statement")
    yield from _sent(PEOPLE[12], "policy_notice")
    yield _answered(PEOPLE[12], "policy_notice", "declined")
    for who in PEOPLE[14:18]:
        yield from _sent(who, "premium_notice")
    for who in PEOPLE[14:16]:
        yield _answered(who, "premium_notice", "paid")
    for who in PEOPLE[18:20]:
        yield Signal("exstream", exstream.generated(who, "overdue_reminder"))
        yield Signal("exstream", exstream.mail("Submit", who, "overdue_reminder", RiskLevel="high"))
    for who in PEOPLE[10:12]:
        yield Signal("exstream", exstream.mail("NDLV", who, "statement"))


def interest() -> Iterator[Signal]:
    """Forms that customers fill out at Marketo's pages: each asks for a communication of its own."""
    for who, form in zip(PEOPLE[20:24], ("brochure-request", "renewal-question") * 2, strict=True):
        yield Signal("marketo", marketo.form(who, form))
    yield Signal("marketo", marketo.form(PEOPLE[24], "brochure-request"))


def wishes() -> Iterator[Signal]:
    """Customers change their minds: paperless here, no more marketing there."""
    yield Signal("upstream", people.wish(PEOPLE[6], kind="PAPERLESS", state="ON"), _PREFERENCES)
    channel = people.wish(PEOPLE[7], kind="PREFERRED_CHANNEL", preferred_channel="WEB")
    yield Signal("upstream", channel, _PREFERENCES)
    for who in PEOPLE[8:10]:
        yield Signal("currents", braze_signals.unsubscribed(who))


def production() -> Iterator[Signal]:
    """A run of statements, one that fails, and the content that they are made of."""
    run = {"job_id": "run-4711", "doc_type": "statement", "volume": 120_345, "channel": "print", "errors": 0}
    for status in ("queued", "started", "output_generated", "print_released", "completed"):
        yield Signal("exstream-delivery", exstream.told(f"batch.{status}", batch=run))
    failed = {**run, "job_id": "run-4712", "doc_type": "invoice", "errors": 7}
    yield Signal("exstream-delivery", exstream.told("batch.failed", batch=failed))
    clauses = {
        "id": "clauses-1",
        "name": "Data clauses",
        "version": "4",
        "type": "clause_library",
        "doc_type": "policy",
    }
    for status in ("draft_created", "submitted", "approved"):
        told = exstream.told(f"content.{status}", communication={**clauses, "regions": ["DE", "AT"]})
        yield Signal("exstream-delivery", told)
    yield Signal("upstream", people.alert("disk-7", "Disk 7 is nearly full"), _ALERTS)
    yield Signal("upstream", people.alert("disk-7", "Disk 7 is nearly full"), _ALERTS)


def onboarding() -> Iterator[Signal]:
    """New customers get through onboarding at Extended ECM, one milestone after the other."""
    for who in PEOPLE[0:6]:
        place = f"51{who.number:03}"
        yield Signal("ecm", ecm.workspace("workspace.created", who, place, "Customer"))
        yield from _milestones(who, place, "contract_approved", "kyc_completed", "service_activated")
    yield Signal("ecm", ecm.workspace("workspace.created", REFUSED, "51013", "Customer"))
    yield from _milestones(REFUSED, "51013", "contract_approved")


def claims(workspaces: Mapping[str, str]) -> Iterator[Signal]:
    """Cases are opened, documents arrive, some are closed; two customers with an open case read nothing any more."""
    for who in PEOPLE[25:28]:
        case = workspaces[who.id]
        yield Signal("ecm", ecm.workspace("workspace.created", who, case, "Case", {"Status": "Open"}))
        yield Signal("ecm", ecm.document("document.created", who, case, "Case", "claim_decision", "final"))
        yield Signal("ecm", _status(who, case, "Waiting", "Open"))
        yield Signal("ecm", ecm.workspace("workspace.completed", who, case, "Case", {"Status": "Complete"}))
    for who in PEOPLE[28:30]:
        case = workspaces[who.id]
        yield Signal("ecm", ecm.workspace("workspace.created", who, case, "Case", {"Status": "Open"}))
        for _ in range(3):
            yield Signal("currents", braze_signals.delivered(who))


def contracts(end: str, renewed: str) -> Iterator[Signal]:
    """Contracts with an end in sight, a project that is done, and papers that are approved."""
    for who in PEOPLE[30:33]:
        place = f"53{who.number:03}"
        yield Signal("ecm", ecm.workspace("category.changed", who, place, "Contract", {"Expires": end}))
    extended = {"Expires": renewed}
    again = ecm.workspace("category.changed", PEOPLE[32], "53032", "Contract", extended, {"Expires": end})
    yield Signal("ecm", again)
    yield Signal("ecm", ecm.workspace("workspace.completed", PEOPLE[33], "53033", "Project"))
    for who, last in ((PEOPLE[34], "Approved"), (PEOPLE[35], "Rejected")):
        for kind, status in (("signed_agreement", "Approved"), ("financing_approval", last)):
            approved = ecm.document("document.status_changed", who, f"55{who.number:03}", "Contract", kind, status)
            yield Signal("ecm", approved)


def feedback(workspaces: Mapping[str, str], asked: set[str]) -> Iterator[Signal]:
    """Who was asked for feedback gives it, by the webhook of the campaign."""
    for who in PEOPLE:
        if who.id in asked:
            yield Signal("braze", braze_signals.survey(who, workspaces[who.id], rating="9", comment="Well done"))


def bad() -> Signal:
    """A milestone without the customer's id, and with a type that there is not: refused, nothing stored."""
    event = {"type": "MILESTONE_PASSED", "workspace_id": "w-1", "customer": {"email": "ann@example.com"}}
    return Signal("upstream", event, "comms.workspace.v1")


def _known(who: Person) -> dict[str, str]:
    if who in PEOPLE[20:22]:
        return {"lifecycle_stage": "customer", "account_manager": "manager"}
    return {"customer_type": "business", "account_manager": "manager"}


def _sent(who: Person, document_type: str, **user: str) -> Iterator[Signal]:
    for kind in ("Submit", "POST"):
        yield Signal("exstream", exstream.mail(kind, who, document_type, **user))


def _answered(who: Person, document_type: str, kind: str) -> Signal:
    document = exstream.document_id(who, document_type)
    return Signal("upstream", people.answer(who, document, document_type, kind), _COMMUNICATIONS)


def _milestones(who: Person, place: str, *milestones: str) -> Iterator[Signal]:
    for before, milestone in zip(("started", *milestones), milestones, strict=False):
        changed = ecm.workspace(
            "category.changed", who, place, "Customer", {"Milestone": milestone}, {"Milestone": before}
        )
        yield Signal("ecm", changed)


def _status(who: Person, case: str, status: str, before: str) -> Mapping[str, Any]:
    return ecm.workspace("category.changed", who, case, "Case", {"Status": status}, {"Status": before})
