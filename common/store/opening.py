"""The store as a process opens it: the right schema, the right key, the partition count that its rows were made for."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from common.errors import ConfigurationError
from common.store.config import StoreSettings
from common.store.database import Database
from common.store.migrate import check_version
from common.store.pseudonyms import Pseudonyms
from common.store.tables import meta
from common.store.times import DAY_US

KEY, PARTITIONS, LAST_TOUCH = "address_key", "partitions", "last_touch_us"


def connect(settings: StoreSettings) -> Database:
    """The database that the settings name; nobody is contacted yet."""
    return Database(settings.url.get_secret_value(), settings.patience_s)


def pseudonyms_of(settings: StoreSettings) -> Pseudonyms:
    """The HMAC under the site's key."""
    return Pseudonyms(settings.address_key.get_secret_value().encode())


def open_as_reader(settings: StoreSettings) -> Database:
    """Raises ConfigurationError when the schema or the key is another, StoreDownError when it does not answer."""
    with _closed_on_error(connect(settings)) as database:
        check_version(database)
        with database.reading() as connection:
            _check_key(_read(connection, KEY), pseudonyms_of(settings).fingerprint)
    return database


def open_as_writer(settings: StoreSettings, partitions: int) -> Database:
    """The same, and remembers key, partition count and last-touch window at the first time."""
    fingerprint = pseudonyms_of(settings).fingerprint
    with _closed_on_error(connect(settings)) as database:
        check_version(database)
        database.write(lambda connection: _remember(connection, settings, fingerprint, partitions))
    return database


@contextmanager
def _closed_on_error(database: Database) -> Iterator[Database]:
    try:
        yield database
    except BaseException:
        database.close()
        raise


def partition_count(connection: Connection) -> int | None:
    """How many partitions the rows were made for; None before the first worker has started."""
    found = _read(connection, PARTITIONS)
    return int(found) if found else None


def write_meta(connection: Connection, name: str, value: str) -> None:
    """Remember one thing about the store."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(meta).values(name=name, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def _remember(connection: Connection, settings: StoreSettings, fingerprint: str, partitions: int) -> None:
    _check_key(_read(connection, KEY), fingerprint)
    known = partition_count(connection)
    if known not in (None, partitions):
        raise ConfigurationError(
            f"the customer store was made for {known} partitions, the topics have {partitions}: stop the journey "
            f"workers and run `commfleet store repartition {partitions}`"
        )
    write_meta(connection, KEY, fingerprint)
    write_meta(connection, PARTITIONS, str(partitions))
    write_meta(connection, LAST_TOUCH, str(settings.last_touch_days * DAY_US))


def _check_key(known: str | None, fingerprint: str) -> None:
    if known not in (None, fingerprint):
        raise ConfigurationError(
            "store.address_key is not the key that this store was made with: every objection by address would be "
            "overlooked; set the right one"
        )


def _read(connection: Connection, name: str) -> str | None:
    return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
