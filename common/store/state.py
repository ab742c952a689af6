"""Where the store stands, in one short read."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from common.store import tables
from common.store.database import Database
from common.store.partitions import oldest_fresh_at
from common.store.timers import Due, due_timers
from common.store.times import micros, moment_of


@dataclass(frozen=True, slots=True)
class StoreState:
    """Where the store stands: next offsets by number and logical topic, what waits, and since when it is fresh.

    `fresh_at` is the oldest of all numbers, None while one was never held; `due` are timers whose time has come.
    """

    offsets: dict[int, dict[str, int]]
    fresh_at: datetime | None
    due: Due | None
    outbox: int


def store_state(database: Database, count: int, now: datetime) -> StoreState:
    """In one short read; `count` is how many partition numbers there are."""
    with database.reading() as connection:
        rows = connection.execute(select(tables.partition.c.number, tables.partition.c.offsets)).all()
        fresh_at = oldest_fresh_at(connection, count)
        due = due_timers(connection, range(count), micros(now))
        outbox = connection.execute(select(func.count()).select_from(tables.outbox)).scalar_one()
    all_due = Due(sum(one.count for one in due.values()), min(one.oldest for one in due.values())) if due else None
    offsets = {number: dict(found) for number, found in rows}
    return StoreState(offsets, moment_of(fresh_at) if fresh_at else None, all_due, outbox)
