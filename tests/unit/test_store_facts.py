"""What events leave in the store: profile, consent, timeline, workspaces, alerts; and what erasure takes away."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from common.store import shapes, tables
from common.store.database import Database
from common.store.look_ups import Known, LookUps, Who
from common.store.opening import LAST_TOUCH, write_meta
from common.store.times import DAY_US
from common.store.values import Outgoing, Timer
from tests.support.clock import ManualClock
from tests.support.store import PSEUDONYMS, START, START_US, Events, applier
from workers.consent.allow import Consent
from workers.consent.config import ConsentSettings
from workers.journeys.incoming import Incoming, Lift, Unreadable
from workers.journeys.memory import Memory
from workers.journeys.preferences import lift_unreadable, suppress_unreadable

CONSENT = Consent(ConsentSettings())


def put(database: Database, *records: Incoming, clock: ManualClock | None = None) -> Sequence[Outgoing]:
    """Apply records in one batch; what is to be published."""
    worker = applier(database, clock)
    return worker.apply(worker.claim(0), records).outgoing


def ask(database: Database, customer_id: str = "C-1", **addresses: str) -> Known:
    """What a sink would learn of a customer."""
    who = Who(customer_id, **addresses)
    return LookUps(database, PSEUDONYMS, 1).ask([who]).known[customer_id]


def may(database: Database, customer_id: str = "C-1", purpose: str = "MARKETING", **addresses: str) -> bool:
    """Whether an e-mail may be sent."""
    return CONSENT.refusal(ask(database, customer_id, **addresses), purpose, "EMAIL") is None


def rows(database: Database, statement: str) -> list[dict[str, Any]]:
    """The answer to a query."""
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(text(statement)).mappings()]


def test_the_newest_word_on_each_field_wins(database: Database) -> None:
    """Whatever the order of arrival; a delta's null says nothing, `cleared` empties."""
    events = Events()
    put(database, events.make("profile", 20, type="CHANGED", lead_score=80, lifecycle_stage="customer"))
    put(database, events.make("profile", 10, type="CHANGED", lead_score=10, risk_level="high"))
    put(
        database,
        *[Incoming("comms.profile.v1", 9, events.make("profile", 30, type="CHANGED", cleared=["risk_level"]).value)],
    )

    assert ask(database).profile == {"lead_score": 80, "lifecycle_stage": "customer"}


def test_a_snapshot_empties_what_it_does_not_state(database: Database) -> None:
    """Null means empty there."""
    events = Events()
    put(
        database,
        events.make("profile", 10, type="CHANGED", lead_score=80, risk_level="high"),
        events.make("profile", 20, type="CHANGED", snapshot=True, lead_score=81),
    )

    assert ask(database).profile == {"lead_score": 81}


def test_every_event_tells_of_its_customer(database: Database) -> None:
    """An older one only fills gaps."""
    events = Events()
    new = {"customer_id": "C-1", "email": "new@example.com"}
    old = {"customer_id": "C-1", "email": "old@example.com", "phone": "+14155550100"}
    put(
        database,
        events.make("engagement", 20, new, type="PAGE_VISITED"),
        events.make("engagement", 10, old, type="PAGE_VISITED"),
    )

    assert ask(database).customer == {"email": "new@example.com", "phone": "+14155550100"}


def test_a_score_that_changed_is_in_the_profile_with_the_event_that_says_so(database: Database) -> None:
    """A journey that it starts asks for it at once; an older one changes nothing."""
    events = Events()
    put(database, events.make("engagement", 10, type="SCORE_CHANGED", score=85, score_previous=70))
    put(database, events.make("engagement", 5, type="SCORE_CHANGED", score=70, score_previous=60))

    assert ask(database).profile == {"lead_score": 85}


def test_machines_do_not_engage(database: Database) -> None:
    """A mail proxy's open is no sign of life."""
    events = Events()
    put(
        database,
        events.make("engagement", 10, type="EMAIL_CLICKED"),
        events.make("engagement", 20, type="EMAIL_OPENED", automated=True),
    )

    assert ask(database).engaged_at == START + timedelta(seconds=10)


def test_a_missing_customer_is_an_answer(database: Database) -> None:
    """Marketing needs a yes; service mail may go to anybody who did not object."""
    known = ask(database, "C-9")

    assert (known.is_known, known.profile) == (False, {})
    assert CONSENT.refusal(known, "MARKETING", "EMAIL") is not None
    assert CONSENT.refusal(known, "SERVICE", "EMAIL") is None


def test_a_report_becomes_a_decision_for_the_systems_that_differ(database: Database) -> None:
    """On the customer's partition, with the key that its topic prescribes."""
    (decided,) = put(database, Events().wish("OPTED_OUT", 10, source="marketo"))

    assert decided.topic == "comms.consent.v1"
    assert decided.key == b"C-1|CONSENT|EMAIL|MARKETING|"
    assert decided.value is not None
    assert decided.value["write_to"] == ["braze", "ecm"]
    assert (decided.value["state"], decided.value["origin"]) == ("OPTED_OUT", "marketo")


def test_a_decision_carries_who_made_it_and_what_proves_it(database: Database) -> None:
    """B4: those of the report that decided; a report that another one overrules proves nothing of what holds."""
    events = Events()
    wish = {"actor": {"kind": "CUSTOMER"}, "proof": "form 7", "source": "braze"}
    (decided,) = put(database, events.wish("OPTED_OUT", 10, **wish))
    (again,) = put(database, events.wish("OPTED_IN", 5, source="marketo", proof="an older form"))

    assert decided.value is not None
    assert (decided.value["actor"]["kind"], decided.value["proof"]) == ("CUSTOMER", "form 7")
    assert again.value is not None
    assert (again.value["state"], again.value.get("proof")) == ("OPTED_OUT", None)


def test_our_own_write_reported_back_is_quiet(database: Database) -> None:
    """And the decision keeps its time."""
    clock, events = ManualClock(), Events()
    put(database, events.wish("OPTED_OUT", -60, source="marketo"), clock=clock)

    echo = put(database, events.wish("OPTED_OUT", 20, source="braze"), clock=clock)

    assert echo == ()
    assert rows(database, "SELECT effective_at, origin FROM decision")[0]["origin"] == "marketo"


def test_an_objection_by_address_holds_for_everybody_who_has_it(database: Database) -> None:
    """It may have come without a customer, on another partition; the stricter wins."""
    events = Events()
    put(database, events.wish("OPTED_IN", 10), events.wish("OPTED_OUT", 20, customer=None, address="Ada@Example.com"))

    assert may(database)
    assert not may(database, email="ada@example.com")
    assert "example.com" not in str(rows(database, "SELECT * FROM evidence"))


def test_a_substitute_counts_once_it_is_linked(database: Database) -> None:
    """Nothing is published of it before; what it reported is then the customer's."""
    events = Events()
    stranger = {"customer_id": "marketo:m:7", "resolved": False}
    before = put(database, events.wish("OPTED_OUT", 10, customer=stranger, source="marketo"))

    after = put(database, events.make("profile", 20, type="LINKED", substitute_id="marketo:m:7"))

    assert before == ()
    assert [one.value and one.value["state"] for one in after] == ["OPTED_OUT"]
    refusal = CONSENT.refusal(ask(database), "MARKETING", "EMAIL")
    assert refusal is not None
    assert refusal.because == "CONSENT OPTED_OUT"


def test_what_cannot_be_read_suppresses_until_it_is_dealt_with(database: Database) -> None:
    """A preference's dead letter forbids everything but what must be sent."""
    put(database, Events().wish("OPTED_IN", 10))
    memory = Memory(0, 0)
    suppress_unreadable(memory, Unreadable("C-1", START_US + 20_000_000, "0:7"))
    database.write(lambda one: shapes.EVIDENCE.save(one, memory.evidence.changed))
    assert not may(database)
    assert CONSENT.refusal(ask(database), "REGULATORY", "PRINT") is None

    lift_unreadable(memory, Lift("C-1", "0:7"))
    database.write(lambda one: shapes.EVIDENCE.delete(one, memory.evidence.dropped))

    assert may(database)


def test_each_letter_that_cannot_be_read_objects_for_itself() -> None:
    """Two of one customer: the second stands until it is dealt with, too."""
    memory = Memory(0, 0)
    for letter in ("0:7", "0:8"):
        suppress_unreadable(memory, Unreadable("C-1", START_US, letter))

    lift_unreadable(memory, Lift("C-1", "0:8"))

    assert [one.event_id for one in memory.evidence.where(lambda _: True)] == ["0:7"]


def test_edges_come_of_snapshots_against_a_row_that_was_there(database: Database) -> None:
    """A first sight contacts nobody; the edge that comes back over the topic changes nothing more."""
    events = Events()
    usual: dict[str, Any] = {"type": "UPDATED", "workspace_id": "W", "source": "ecm"}
    first = put(database, events.make("workspace", 10, **usual, milestone="drafted", case_status="open"))

    second = put(database, events.make("workspace", 20, **usual, milestone="approved", case_status="open"))

    assert first == ()
    (edge,) = second
    assert edge.value is not None
    assert (edge.value["type"], edge.value["milestone"], edge.value["previous"]) == (
        "MILESTONE_REACHED",
        "approved",
        "drafted",
    )
    assert edge.value["source"] == "ecm"


@pytest.mark.parametrize(
    ("statuses", "edges"),
    [
        (("open", "Complete"), ["COMPLETED"]),
        (("open", "Cancelled"), ["CANCELLED"]),
        (("open", "Complete", "open"), ["COMPLETED", "REOPENED"]),
        (("open", "waiting", "open"), ["STATUS_CHANGED", "STATUS_CHANGED"]),
        (("Complete",), []),
        (("open", "Complete", "Complete"), ["COMPLETED"]),
    ],
)
def test_a_case_s_end_comes_of_snapshots(database: Database, statuses: Sequence[str], edges: list[str]) -> None:
    """In the statuses that the settings call an end; each edge once, and of a first sight none."""
    events, found = Events(), list[str]()
    for number, status in enumerate(statuses):
        fields: dict[str, Any] = {"workspace_id": "W", "source": "ecm", "case_status": status}
        derived = put(database, events.make("workspace", 10 * number, type="UPDATED", **fields))
        kinds = [one.value["type"] for one in derived if one.value is not None]
        put(database, *(events.make("workspace", 10 * number, type=kind, **fields) for kind in kinds))
        found += kinds

    assert found == edges


def test_an_end_that_the_source_told_is_not_told_again(database: Database) -> None:
    """A workflow ends the case, and its status follows."""
    events = Events()
    usual: dict[str, Any] = {"workspace_id": "W", "source": "ecm"}
    put(database, events.make("workspace", 10, **usual, type="CREATED", case_status="open"))
    put(database, events.make("workspace", 20, **usual, type="COMPLETED"))

    assert put(database, events.make("workspace", 30, **usual, type="UPDATED", case_status="Complete")) == ()


def test_a_document_is_approved_once(database: Database) -> None:
    """Whether the source says so itself or a sweep shows it."""
    events = Events()
    document = {"id": "D", "type": "signed_agreement", "status": None}
    usual: dict[str, Any] = {"workspace_id": "W", "source": "ecm"}
    put(database, events.make("workspace", 10, **usual, type="CREATED"))
    put(database, events.make("workspace", 20, **usual, type="DOCUMENT_APPROVED", document=document))

    swept = put(
        database, events.make("workspace", 30, **usual, type="UPDATED", document={**document, "status": "approved"})
    )

    assert swept == ()


def test_a_document_that_was_there_before_its_poller_is_no_news(database: Database) -> None:
    """Its first sight contacts nobody; what becomes of it afterwards is told, in whatever letters."""
    events = Events()
    usual: dict[str, Any] = {"workspace_id": "W", "source": "ecm", "type": "UPDATED"}
    old: dict[str, Any] = {**usual, "attributes": {"was_there": "true"}}

    def shown(at: int, status: str, given: dict[str, Any], id_: str = "D") -> list[str]:
        document = {"id": id_, "type": "signed_agreement", "status": status}
        return [
            edge.value["type"]
            for edge in put(database, events.make("workspace", at, **given, document=document))
            if edge.value
        ]

    put(database, events.make("workspace", 10, **usual))

    assert shown(20, "Approved", old) == []
    assert shown(30, "Rejected", old) == ["DOCUMENT_REJECTED"]
    assert shown(40, "APPROVED", old) == ["DOCUMENT_APPROVED"]
    assert shown(50, "approved", old) == []
    assert shown(60, "Approved", usual, "NEW") == ["DOCUMENT_ADDED", "DOCUMENT_APPROVED"]


def test_an_alert_gathers_its_outcomes(database: Database) -> None:
    """The same outcome event counts once."""
    events = Events()
    raised = events.make("alert", 10, None, type="RAISED", alert_key="a", severity="HIGH", title="Batch failed")
    sent = events.make("alert", 20, None, type="OUTCOME", alert_key="a", outcome="sent")
    again = Incoming(sent.topic, sent.offset + 1, sent.value)
    put(database, raised, sent, again)

    with database.reading() as connection:
        (alert,) = shapes.ALERTS.select(connection, tables.alert.c.alert_key == "a")
    assert (alert.state, alert.severity, len(alert.outcomes["sent"])) == ("RAISED", "HIGH", 1)


def test_a_response_is_joined_to_its_message_or_to_the_last_touch(database: Database) -> None:
    """By document, by cause, else the last message within the window; and else to none (flow M8)."""
    database.write(lambda connection: write_meta(connection, LAST_TOUCH, str(30 * DAY_US)))
    events, day = Events(), 86_400
    bill = events.make("communication", 0, type="DELIVERED", document_id="D-1", document_type="billing_statement")
    offer = events.make("engagement", 5 * day, type="EMAIL_DELIVERED", dispatch_id="x")
    put(
        database,
        bill,
        offer,
        events.make("communication", 6 * day, type="RESPONDED", document_id="D-1", response={"kind": "paid"}),
        events.make("engagement", 7 * day, type="FORM_SUBMITTED", form="quote"),
        events.make("engagement", 8 * day, type="CAMPAIGN_RESPONDED", caused_by=bill.value and bill.value["event_id"]),
        events.make("engagement", 60 * day, type="FORM_SUBMITTED", form="late"),
    )

    origins = rows(database, "SELECT message, how FROM response_origins ORDER BY occurred_at")
    assert [(one["message"], one["how"]) for one in origins] == [
        ("document:D-1", "linked"),
        ("dispatch:braze:x", "last_touch"),
        ("document:D-1", "linked"),
        (None, "unknown"),
    ]
    outcomes = rows(database, "SELECT * FROM communication_outcomes ORDER BY message")
    assert [one["message"] for one in outcomes] == ["dispatch:braze:x", "document:D-1"]
    assert outcomes[1]["document_type"] == "billing_statement"
    assert outcomes[1]["responded_at"] - outcomes[1]["delivered_at"] == 6 * DAY_US


def test_erasure_leaves_a_tombstone_and_objections_by_address(database: Database) -> None:
    """Older events are ignored afterwards, newer ones count; the compacted topic is told to forget."""
    events = Events()
    ada = {"customer_id": "C-1", "email": "ada@example.com", "marketo_lead_id": "77"}
    worker = applier(database)
    mine = worker.apply(
        worker.claim(0),
        [
            events.wish("OPTED_OUT", 10, customer=ada, address="ada@example.com"),
            events.make("engagement", 20, ada, type="EMAIL_OPENED"),
            events.make("workspace", 20, ada, type="CREATED", workspace_id="W", workspace_name="Ada Moreno"),
        ],
    ).holding
    database.write(lambda one: shapes.TIMERS.save(one, [Timer("j", "C-1", "", "s", 0, 1)]))

    erased = worker.apply(
        mine,
        [
            events.make("profile", 100, {"customer_id": "C-1"}, type="ERASED"),
            events.make("engagement", 90, ada, type="EMAIL_CLICKED"),
            events.make("engagement", 90, {"customer_id": "m:9", "marketo_lead_id": "77"}, type="EMAIL_CLICKED"),
        ],
    )

    known = ask(database, email="ada@example.com")
    assert (known.is_known, known.erased_at) == (False, START + timedelta(seconds=100))
    assert [one.subject[:2] for one in known.reports] == ["a:"]
    for table in (tables.profile, tables.timeline, tables.workspace, tables.timer, tables.decision, tables.system_view):
        with database.reading() as connection:
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0, table.name
    assert [(one.topic, one.value) for one in erased.outgoing] == [("comms.consent.v1", None)]

    worker.apply(erased.holding, [events.make("engagement", 101, ada, type="EMAIL_OPENED")])

    assert ask(database).is_known


def test_a_late_event_beyond_the_retention_is_not_kept(database: Database) -> None:
    """It would be deleted at once."""
    put(database, Events().make("engagement", -731 * 86_400, type="EMAIL_OPENED"))

    assert rows(database, "SELECT * FROM timeline") == []
