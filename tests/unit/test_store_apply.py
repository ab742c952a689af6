"""Events into the store: one transaction a batch, behind the fence, on both engines."""

import threading

import pytest
from sqlalchemy import func, select

from common.errors import FencedError
from common.store import shapes, tables
from common.store.database import Database
from common.store.outbox import pending, published
from common.store.partitions import oldest_fresh_at
from common.store.values import Timer
from tests.support.store import PSEUDONYMS, START_US, Events, applier
from workers.journeys.memory import Memory


def profile(database: Database, customer_id: str = "C-1") -> object:
    """The stored profile, or None."""
    with database.reading() as connection:
        return shapes.PROFILES.by_keys(connection, [(customer_id,)]).get((customer_id,))


def count(database: Database, table: object) -> int:
    """Rows of a table."""
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def test_a_batch_stands_with_its_offsets(database: Database) -> None:
    """The next owner goes on where this one stopped, and knows what it knew."""
    first, events = applier(database), Events()
    mine = first.claim(3)

    first.apply(mine, [events.make("profile", type="CHANGED", lead_score=80)], fresh_at=START_US)

    again = applier(database).claim(3)
    assert again.offsets == {"comms.profile.v1": 1}
    assert (again.epoch, again.fresh_at) == (mine.epoch + 1, START_US)


def test_a_zombie_changes_no_row(database: Database) -> None:
    """Its whole transaction is rolled back, whatever topic its records are of."""
    zombie, owner, events = applier(database), applier(database), Events()
    lost = zombie.claim(0)
    mine = owner.claim(0)
    owner.apply(mine, [events.wish("OPTED_OUT", 10)])

    with pytest.raises(FencedError, match="partition 0"):
        zombie.apply(lost, [events.make("profile", type="CHANGED", lead_score=99)])

    assert count(database, tables.timeline) == 0
    assert getattr(profile(database), "facts", None) == {}


def test_a_batch_given_twice_counts_once(database: Database) -> None:
    """Records below the stored offset are passed over."""
    worker, events = applier(database), Events()
    batch = [events.wish("OPTED_OUT", 10), events.make("alert", type="RAISED", alert_key="a", title="t")]
    after = worker.apply(worker.claim(0), batch)

    again = worker.apply(after.holding, batch)

    assert again.outgoing == ()
    with database.reading() as connection:
        assert len(pending(connection, 0)) == len(after.outgoing) == 1


def test_an_undecodable_record_moves_the_offset_only(database: Database) -> None:
    """What was dead-lettered is not read again."""
    worker, events = applier(database), Events()
    record = events.make("profile", type="CHANGED", lead_score=1)

    applied = worker.apply(worker.claim(0), [type(record)(record.topic, 41, None)])

    assert applied.holding.offsets == {"comms.profile.v1": 42}
    assert profile(database) is None


def test_the_outbox_is_published_in_order_and_deleted_as_a_prefix(database: Database) -> None:
    """What was not confirmed is found again by the next owner, under the same ids."""
    worker, events = applier(database), Events()
    applied = worker.apply(
        worker.claim(0), [events.wish("OPTED_OUT", 10, customer=f"C-{number}") for number in range(3)]
    )
    database.write(lambda connection: published(connection, applied.holding, applied.outgoing[0].sequence))

    with database.reading() as connection:
        left = pending(connection, 0)
    assert [one.event_id for one in left] == [one.event_id for one in applied.outgoing[1:]]
    assert worker.claim(0).sequence == applied.holding.sequence


def test_a_fenced_worker_deletes_nothing_of_the_outbox(database: Database) -> None:
    """Its confirmation comes too late: the new owner has published it again, and deletes it."""
    worker, events = applier(database), Events()
    applied = worker.apply(worker.claim(0), [events.wish("OPTED_OUT", 10)])
    worker.claim(0)

    with pytest.raises(FencedError):
        database.write(lambda connection: published(connection, applied.holding, 99))

    assert count(database, tables.outbox) == 1


def test_freshness_is_the_oldest_of_all_partitions(database: Database) -> None:
    """And nothing, while one partition was never held: an opt-out by address may wait there."""
    worker = applier(database)
    worker.apply(worker.claim(0), [], fresh_at=START_US + 5)
    with database.reading() as connection:
        assert oldest_fresh_at(connection, 2) == 0

    worker.apply(worker.claim(1), [], fresh_at=START_US + 3)

    with database.reading() as connection:
        assert oldest_fresh_at(connection, 2) == START_US + 3


def test_two_owners_fire_one_timer_once(database: Database) -> None:
    """The one that lost the partition changes nothing."""
    zombie, owner = applier(database), applier(database)
    lost = zombie.claim(0)
    database.write(lambda one: shapes.TIMERS.save(one, [Timer("j", "C-1", "", "reminder", 0, START_US)]))
    mine, fired = owner.claim(0), []

    owner.fire(mine, START_US, lambda _, timer: fired.append(timer.step))
    with pytest.raises(FencedError):
        zombie.fire(lost, START_US, lambda _, timer: fired.append(timer.step))

    assert fired == ["reminder"]
    assert count(database, tables.timer) == 0


def test_a_timer_emits_and_sets_the_next(database: Database) -> None:
    """In the transaction in which it is gone."""
    worker = applier(database)
    mine = worker.claim(0)
    database.write(lambda one: shapes.TIMERS.save(one, [Timer("j", "C-1", "", "reminder", 0, START_US)]))

    def fire(memory: Memory, timer: Timer) -> None:
        memory.emit("comms.journey.v1", b"C-1", {"type": "NO_RESPONSE"}, timer.journey, timer.about, timer.step)
        memory.timers.put(Timer(timer.journey, timer.customer_id, timer.about, "offer", 0, timer.due_at + 9))

    applied = worker.fire(mine, START_US, fire)

    assert [one.topic for one in applied.outgoing] == ["comms.journey.v1"]
    with database.reading() as connection:
        assert [one.step for one in shapes.TIMERS.select(connection, tables.timer.c.partition == 0)] == ["offer"]


def test_writers_of_two_partitions_wait_for_each_other_and_both_stand(database: Database) -> None:
    """Rows that both write (objections by address) are locked in one order, and the newest stays."""
    workers = [applier(database) for _ in range(2)]
    holdings = [worker.claim(number) for number, worker in enumerate(workers)]
    failures: list[BaseException] = []

    def run(index: int) -> None:
        try:
            mine, events = holdings[index], Events()
            for turn in range(5):
                batch = [
                    events.wish("OPTED_OUT", turn * 10 + index, customer=f"C-{index}", address=f"{name}@example.com")
                    for name in ("ada", "bob", "cem")[:: 1 if index else -1]
                ]
                mine = workers[index].apply(mine, batch).holding
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    with database.reading() as connection:
        subject = PSEUDONYMS.address("ada@example.com")
        (newest,) = shapes.EVIDENCE.select(connection, tables.evidence.c.subject == subject)
    assert newest.effective_at == START_US + 41_000_000
