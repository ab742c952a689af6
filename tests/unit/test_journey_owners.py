"""Journeys in the store: who fires a timer when two may think that it is theirs, and what a zombie's start is worth."""

import pytest

from common.errors import FencedError
from common.store import shapes, tables
from common.store.database import Database
from common.store.deployments import deployments
from common.store.partitions import Holding
from common.store.timers import Due, due_timers
from common.store.values import Outgoing
from tests.support.clock import ManualClock
from tests.support.journeys import DAY, defaults
from tests.support.store import START_US, Events, applier
from workers.journeys.applier import Applied, Applier
from workers.journeys.interpreter import TOPIC, Journeys

JOURNEYS = Journeys(defaults("M5-no-response"))
REMINDER_US = START_US + 7 * DAY * 1_000_000


@pytest.fixture
def clock() -> ManualClock:
    """Stands at START."""
    return ManualClock()


@pytest.fixture
def worker(database: Database, clock: ManualClock) -> Applier:
    """An applier with a journey."""
    return applier(database, clock, JOURNEYS)


def fire(worker: Applier, mine: Holding, due: int = REMINDER_US) -> Applied:
    """Fire what is due by then."""
    return worker.fire(mine, due, JOURNEYS.fire, wants=JOURNEYS.fire_wants)


def steps(outgoing: tuple[Outgoing, ...] | list[Outgoing]) -> list[str]:
    """The steps that are published."""
    return [one.value["step"] for one in outgoing if one.topic == TOPIC and one.value]


def started(worker: Applier, events: Events) -> Holding:
    """A partition in which a letter waits for an answer."""
    letter = events.make("communication", type="DELIVERED", document_type="renewal_letter", document_id="D-1")
    return worker.apply(worker.claim(0), [letter]).holding


def test_two_owners_of_an_idle_partition_fire_its_timer_once(worker: Applier, clock: ManualClock) -> None:
    """The one who lost it changes nothing; nothing has moved the offsets in between."""
    before = started(worker, Events())
    clock.advance(7 * DAY)
    after = worker.claim(0)

    with pytest.raises(FencedError):
        fire(worker, before)
    assert steps(fire(worker, after).outgoing) == ["reminder"]
    assert steps(fire(worker, worker.claim(0)).outgoing) == []


def test_what_the_first_owner_fired_is_published_by_the_second(
    worker: Applier, clock: ManualClock, database: Database
) -> None:
    """It stands in the outbox until Kafka has it, and is not fired again."""
    mine = started(worker, Events())
    clock.advance(7 * DAY)
    fired = fire(worker, mine).outgoing
    after = worker.claim(0)

    with database.reading() as connection:
        waiting = list(shapes.OUTBOX.select(connection, tables.outbox.c.partition == 0))
    assert [one.event_id for one in waiting] == [one.event_id for one in fired]
    assert steps(fire(worker, after).outgoing) == []


def test_a_zombies_start_does_not_outlive_the_owners_stop(worker: Applier, clock: ManualClock) -> None:
    """They come from different topics, so no offset would tell: the row of the partition does."""
    events = Events()
    letter = events.make("communication", type="DELIVERED", document_type="renewal_letter", document_id="D-1")
    form = events.make("engagement", 60, type="FORM_SUBMITTED")
    zombie = worker.claim(0)
    mine = worker.apply(worker.claim(0), [form]).holding

    with pytest.raises(FencedError):
        worker.apply(zombie, [letter])
    mine = worker.apply(mine, [letter]).holding

    clock.advance(8 * DAY)
    assert steps(fire(worker, mine, REMINDER_US + DAY).outgoing) == []


def test_a_step_names_customer_cause_and_facts(worker: Applier, clock: ManualClock) -> None:
    """As flows will read it; the same id however often it is made."""
    mine = started(worker, Events())
    clock.advance(7 * DAY)
    (step,) = fire(worker, mine).outgoing

    assert step.value is not None
    assert (step.value["type"], step.value["journey"], step.value["step"]) == (
        "NO_RESPONSE",
        "M5-no-response",
        "reminder",
    )
    assert step.value["instance"] == step.value["caused_by"] == "00000000-0000-0000-0000-000000000001"
    assert step.value["facts"] == {"document_id": "D-1", "document_type": "renewal_letter"}
    assert step.value["customer"]["customer_id"] == "C-1"
    assert step.key == b"C-1"


def test_a_second_letter_is_a_step_of_its_own(worker: Applier, clock: ManualClock) -> None:
    """Next month's reminder is not a duplicate of this month's."""
    events = Events()
    mine = started(worker, events)
    clock.advance(7 * DAY)
    first = fire(worker, mine)
    fields = {"document_type": "renewal_letter", "document_id": "D-1"}
    answer = events.make("communication", 8 * DAY, type="RESPONDED", document_id="D-1")
    again = events.make("communication", 30 * DAY, type="DELIVERED", **fields)
    clock.advance(30 * DAY)
    mine = worker.apply(first.holding, [answer, again]).holding
    second = fire(worker, mine, START_US + 37 * DAY * 1_000_000)

    assert steps(second.outgoing) == ["reminder"]
    assert second.outgoing[0].event_id != first.outgoing[0].event_id


def test_due_timers_are_told_by_partition(worker: Applier, database: Database) -> None:
    """How many, and since when."""
    started(worker, Events())

    with database.reading() as connection:
        assert due_timers(connection, [0, 1], REMINDER_US - 1) == {}
        assert due_timers(connection, [0, 1], REMINDER_US) == {0: Due(1, REMINDER_US)}
        assert due_timers(connection, [1], REMINDER_US) == {}


def test_a_first_deployment_is_remembered(database: Database) -> None:
    """A later start of a worker does not move it, `since` does."""
    assert database.write(lambda connection: deployments(connection, ["a"], 100)) == {"a": 100}
    assert database.write(lambda connection: deployments(connection, ["a", "b"], 200)) == {"a": 100, "b": 200}
    assert database.write(lambda connection: deployments(connection, ["a"], 300, since=50)) == {"a": 50}
