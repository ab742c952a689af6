"""How the journey workers are, as the customer store and Kafka know it; no worker is asked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from common.errors import ConfigurationError
from common.event import Commit, PartitionId
from common.kafka.admin import TopicAdmin
from common.store import tables
from common.store.database import Database
from common.store.partitions import oldest_fresh_at
from common.store.timers import Due, due_timers
from common.store.times import micros, moment_of
from workers.journeys.reading import read_topics
from workers.settings import Settings
from workers.status_command import TopicLag, lags
from workers.store_command import reader


@dataclass(frozen=True, slots=True)
class StoreState:
    """Where the store stands: next offsets by number and logical topic, what waits, and since when it is fresh.

    `fresh_at` is the oldest of all numbers, None while one was never held; `due` are timers whose time has come.
    """

    offsets: dict[int, dict[str, int]]
    fresh_at: datetime | None
    due: Due | None
    outbox: int


@dataclass(frozen=True, slots=True)
class JourneysStatus:
    """What `commfleet status` shows of the journeys."""

    state: StoreState
    lags: list[TopicLag]


def journeys_status(settings: Settings, now: datetime) -> JourneysStatus:
    """Raises BrokerDownError, StoreDownError, and ConfigurationError where topics or tables are missing."""
    admin = TopicAdmin(settings.kafka.client())
    counts, names = admin.cluster().counts, [settings.prefix + name for name in read_topics()]
    if missing := [name for name in names if name not in counts]:
        raise ConfigurationError(f"missing topics: {', '.join(missing)}; create them: `commfleet topics apply`")
    here = [PartitionId(name, number) for name in names for number in range(counts[name])]
    with reader(settings) as database:
        state = store_state(database, counts[names[0]], now)
    stored = {one: _commit(state, one, settings.prefix) for one in here}
    return JourneysStatus(state, lags(f"{settings.prefix}commfleet.journeys", stored, admin.bounds(here)))


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


def _commit(state: StoreState, at: PartitionId, prefix: str) -> Commit | None:
    offset = state.offsets.get(at.partition, {}).get(at.topic.removeprefix(prefix))
    return None if offset is None else Commit(offset, "")
