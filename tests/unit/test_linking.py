"""LINKED: a substitute's timeline, facts, workspaces, alerts and journeys become the customer's."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select, text

from common.partitioner import partition_of
from common.store import shapes, tables
from common.store.database import Database
from common.store.opening import PARTITIONS, write_meta
from common.store.partitions import Holding
from common.store.values import Timer
from tests.support.clock import ManualClock
from tests.support.journeys import DAY, written
from tests.support.poll import eventually
from tests.support.store import START_US, Events, applier
from workers.journeys.applier import Applier
from workers.journeys.incoming import Incoming
from workers.journeys.interpreter import TOPIC, Journeys
from workers.journeys.memory import Memory

_POSTGRES = pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.xdist_group("postgres")])
SUBSTITUTE = "marketo:m:7"
STRANGER = {"customer_id": SUBSTITUTE, "resolved": False, "email": "ada@example.com", "marketo_lead_id": "7"}
COUNT = 4
JOURNEY = """
- name: no-response
  kind: wait
  by: [document_id]
  start: {on: comms.communication.v1, when: {type: [DELIVERED]}}
  stop: {on: comms.communication.v1, when: {type: [RESPONDED]}}
  after: {reminder: 7d, offer: 10d, escalation: 14d}
  emit: NO_RESPONSE
"""


class Rig:
    """A store of four partition numbers, and one worker that has them all."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.clock, self.events = database, ManualClock(), Events()
        self.journeys = Journeys(written(folder, JOURNEY))
        self.worker: Applier = applier(database, self.clock, self.journeys)
        database.write(lambda connection: write_meta(connection, PARTITIONS, str(COUNT)))
        self.holdings: dict[int, Holding] = {number: self.worker.claim(number) for number in range(COUNT)}

    def put(self, *records: Incoming) -> None:
        """Each on its customer's number."""
        for record in records:
            number = number_of(record.customer_id or "")
            applied = self.worker.apply(self.holdings[number], [record])
            self.holdings[number] = applied.holding

    def letter(self, customer: Any = "C-1", document: str = "D-1", at_s: float = 0) -> Incoming:
        """Something that waits for an answer."""
        fields = {"type": "DELIVERED", "document_type": "renewal_letter", "document_id": document}
        return self.events.make("communication", at_s, customer, **fields)

    def answer(self, customer: Any = "C-1", at_s: float = 60) -> Incoming:
        """The answer to it."""
        return self.events.make("communication", at_s, customer, type="RESPONDED", document_id="D-1")

    def linked(self, at_s: float = 100) -> Incoming:
        """The substitute is C-1."""
        return self.events.make("profile", at_s, type="LINKED", substitute_id=SUBSTITUTE)

    def fire(self, days: int) -> list[tuple[str, str]]:
        """Everything that is due so many days after the start: whose, and which step."""
        self.clock = ManualClock()
        self.clock.advance(days * DAY)
        worker = applier(self.database, self.clock, self.journeys)
        found: list[tuple[str, str]] = []
        for number, mine in self.holdings.items():
            due = START_US + days * DAY * 1_000_000
            applied = worker.fire(mine, due, self.journeys.fire, wants=self.journeys.fire_wants)
            self.holdings[number] = applied.holding
            values = [one.value for one in applied.outgoing if one.topic == TOPIC and one.value]
            found += [(value["customer"]["customer_id"], value["step"]) for value in values]
        return found

    def owners(self, table: Table) -> list[tuple[str | None, int]]:
        """Whose the rows of a table are, and on which number."""
        query = select(table.c.customer_id, table.c.partition).order_by(*table.primary_key)
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.execute(query)]


def number_of(key: str) -> int:
    """Where Kafka puts it."""
    return partition_of(key.encode(), COUNT)


HOME = ("C-1", number_of("C-1"))


@pytest.fixture
def rig(database: Database, tmp_path: Path) -> Rig:
    """Nothing in it."""
    return Rig(database, tmp_path)


def test_the_two_are_on_different_numbers() -> None:
    """What the tests below rest on."""
    assert number_of(SUBSTITUTE) != number_of("C-1")


def test_timeline_and_workspaces_become_the_customers(rig: Rig) -> None:
    """With the number of the customer's partition; an alert keeps that of its own key."""
    rig.put(rig.letter(STRANGER))
    rig.put(rig.events.make("workspace", 1, STRANGER, type="CREATED", workspace_id="W-1"))
    alert = {"type": "RAISED", "alert_key": "A-1", "severity": "LOW", "title": "t", "body": "b"}
    rig.put(rig.events.make("alert", 2, STRANGER, **alert))

    rig.put(rig.linked())

    assert rig.owners(tables.timeline) == [HOME]
    assert rig.owners(tables.workspace) == [HOME]
    assert rig.owners(tables.alert) == [("C-1", number_of(SUBSTITUTE))]


def test_facts_count_by_their_own_time(rig: Rig) -> None:
    """The newer word on each; what the customer lacks is filled in, and the substitute is still recognised."""
    rig.put(rig.events.make("profile", 10, STRANGER, type="CHANGED", lead_score=80, lifecycle_stage="lead"))
    rig.put(rig.events.make("profile", 20, type="CHANGED", lead_score=20))
    rig.put(rig.events.make("engagement", 30, STRANGER, type="EMAIL_OPENED"))

    rig.put(rig.linked())

    with rig.database.reading() as connection:
        found = shapes.PROFILES.by_keys(connection, [("C-1",), (SUBSTITUTE,)])
    mine = found["C-1",]
    assert mine.facts == {"lead_score": 20, "lifecycle_stage": "lead"}
    assert (mine.customer["email"], mine.customer["marketo_lead_id"]) == ("ada@example.com", "7")
    assert mine.engaged_at == START_US + 30_000_000
    assert (mine.resolved, (SUBSTITUTE,) in found) == (True, True)


def test_what_waits_for_a_substitute_waits_for_the_customer(rig: Rig) -> None:
    """Under the customer's id and number, due at the same time."""
    rig.put(rig.letter(STRANGER), rig.linked())

    with rig.database.reading() as connection:
        timers = list(shapes.TIMERS.select(connection, tables.timer.c.step != "~"))

    assert {(one.customer_id, one.partition) for one in timers} == {HOME}
    assert rig.fire(7) == [("C-1", "reminder")]


def test_an_answer_of_the_customer_stops_what_the_substitute_was_sent(rig: Rig) -> None:
    """After the link as if it had always been theirs."""
    rig.put(rig.letter(STRANGER), rig.linked(), rig.answer())

    assert rig.fire(8) == []


def test_an_answer_before_the_link_stops_it_too(rig: Rig) -> None:
    """It was read under the other id first."""
    rig.put(rig.letter(STRANGER), rig.answer("C-1"), rig.linked())

    assert rig.fire(8) == []


def test_what_comes_later_under_the_substitute_is_the_customers(rig: Rig) -> None:
    """Its source may go on to use the old id: an answer stops, a letter starts."""
    rig.put(rig.letter(), rig.linked(), rig.answer(STRANGER), rig.letter(STRANGER, "D-2"))

    assert rig.fire(7) == [("C-1", "reminder")]
    assert {owner for owner, _ in rig.owners(tables.instance)} == {"C-1"}
    assert set(rig.owners(tables.timeline)) == {HOME}


def test_what_was_fired_is_not_fired_again(rig: Rig) -> None:
    """The next steps are the customer's."""
    rig.put(rig.letter(STRANGER))
    before = rig.fire(7)
    rig.put(rig.linked())

    assert (before, rig.fire(7), rig.fire(10)) == ([(SUBSTITUTE, "reminder")], [], [("C-1", "offer")])


def test_the_same_letter_under_both_ids_is_one(rig: Rig) -> None:
    """One instance with the earlier start."""
    rig.put(rig.letter(STRANGER), rig.letter(at_s=30), rig.linked())

    assert rig.fire(8) == [("C-1", "reminder")]
    assert len(rig.owners(tables.instance)) == 1


def test_a_cancelled_run_stays_cancelled(rig: Rig) -> None:
    """Whoever cancelled it under the old id."""
    rig.put(rig.letter(STRANGER))
    cancel = {
        "type": "CANCEL_REQUESTED",
        "journey": "no-response",
        "instance": "00000000-0000-0000-0000-000000000001",
    }
    rig.put(rig.events.make("journey", 5, STRANGER, **cancel), rig.linked())

    assert rig.fire(15) == []


def test_nobody_is_linked_to_a_substitute(rig: Rig) -> None:
    """Its rows stay where they are."""
    rig.put(rig.letter(STRANGER))
    other = {"customer_id": "braze:x:9", "resolved": False}

    rig.put(rig.events.make("profile", 100, other, type="LINKED", substitute_id=SUBSTITUTE))

    assert rig.owners(tables.instance) == [(SUBSTITUTE, number_of(SUBSTITUTE))]


def test_a_timer_that_moved_is_the_new_owners(rig: Rig) -> None:
    """Nothing is left for the old number's owner to fire."""
    rig.put(rig.letter(STRANGER), rig.linked())

    with rig.database.reading() as connection:
        left: list[Timer] = list(shapes.TIMERS.select(connection, tables.timer.c.customer_id == SUBSTITUTE))

    assert left == []


@pytest.mark.parametrize("database", [_POSTGRES], indirect=True)
def test_the_other_numbers_owner_is_waited_for(rig: Rig) -> None:
    """Its transaction is under way when the link is read: what it writes is moved, too."""
    away, letter = rig.holdings[number_of(SUBSTITUTE)], rig.letter(STRANGER)
    is_open, may_end = threading.Event(), threading.Event()

    class Slow:
        """A reducer that stops in the middle of the owner's transaction."""

        def wants(self, memory: Memory, record: Incoming) -> list[Any]:
            return []

        def take(self, memory: Memory, record: Incoming) -> None:
            is_open.set()
            assert may_end.wait(20)

        def adopt(self, memory: Memory, substitute: str, customer_id: str) -> None:
            return None

    owner = applier(rig.database, rig.clock, rig.journeys, Slow())
    with ThreadPoolExecutor(2) as threads:
        applied = threads.submit(owner.apply, away, [letter])
        assert is_open.wait(20)
        linked = threads.submit(rig.put, rig.linked())
        eventually(lambda: _waits_for_a_lock(rig.database), 20, what="who links waits for the owner")
        may_end.set()
        rig.holdings[away.number] = applied.result(20).holding
        linked.result(20)

    assert rig.fire(7) == [("C-1", "reminder")]


def _waits_for_a_lock(database: Database) -> bool:
    with database.reading() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())
