"""`commfleet store`, wired; and what every reader of the store needs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from common.errors import ConfigurationError
from common.store.config import StoreSettings
from common.store.database import Database
from common.store.migrate import migrate, steps
from common.store.opening import connect, open_as_reader, partition_count
from common.store.repartition import Plan, plan, repartition
from workers.settings import Settings


def store_settings(settings: Settings) -> StoreSettings:
    """The store's section; raises ConfigurationError when there is none."""
    if settings.store is None:
        raise ConfigurationError("there is no customer store: set store.url and store.address_key (docs/store.md)")
    return settings.store


def migrations(settings: Settings) -> Sequence[str]:
    """What `migrate_store` would do."""
    with closing(connect(store_settings(settings))) as database:
        return steps(database)


def migrate_store(settings: Settings) -> None:
    """Bring the schema up to date."""
    with closing(connect(store_settings(settings))) as database:
        migrate(database)


def repartition_plan(settings: Settings, count: int) -> Plan:
    """What `repartition_store` would do; raises ConfigurationError when it cannot."""
    with reader(settings) as database:
        return plan(database, count)


def repartition_store(settings: Settings, count: int, done: Callable[[int], None]) -> None:
    """Move the rows to another partition count."""
    with reader(settings) as database:
        plan(database, count)  # again: the answer may have been given long ago
        repartition(database, count, done)


@contextmanager
def reader(settings: Settings) -> Iterator[Database]:
    """The store, with the right schema and key."""
    with closing(open_as_reader(store_settings(settings))) as database:
        yield database


def partitions_of(database: Database) -> int:
    """How many partitions the store was made for; raises ConfigurationError before a journey worker has run."""
    with database.reading() as connection:
        count = partition_count(connection)
    if count is None:
        raise ConfigurationError("no journey worker has used this store yet: start `commfleet run journeys` first")
    return count
