"""The database under the store: its schema, its locks, its errors, its partitions."""

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, text

from common.errors import ConfigurationError, StoreDownError
from common.partitioner import murmur2, partition_of
from common.store import shapes, tables
from common.store.config import StoreSettings
from common.store.database import Database
from common.store.migrate import check_version, migrate, steps
from common.store.opening import open_as_reader, open_as_writer, partition_count
from common.store.repartition import plan, repartition
from common.store.retention import prune
from common.store.times import DAY_US
from common.store.values import Tombstone
from tests.support.ports import free_ports
from tests.support.store import START_US, Events, applier

KEY = "an address key of the tests"


def settings_of(database: Database, key: str = KEY) -> StoreSettings:
    """Settings that name this database."""
    url = database.engine.url.set(drivername=database.engine.url.get_backend_name())
    return StoreSettings(url=SecretStr(url.render_as_string(hide_password=False)), address_key=SecretStr(key))


def test_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    """Column by column, index by index."""
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_a_new_database_is_migrated_once(tmp_path: Path) -> None:
    """Before, a worker refuses it and says what to do; afterwards there is nothing left to do."""
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(ConfigurationError, match="commfleet store migrate"):
        check_version(database)

    migrate(database)

    assert steps(database) == []
    check_version(database)
    database.close()


def test_a_newer_database_is_refused(database: Database) -> None:
    """An older release does not write into tables that it does not know."""
    database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))

    with pytest.raises(ConfigurationError, match="schema 9999"):
        steps(database)


def test_what_fails_in_a_transaction_leaves_nothing(database: Database) -> None:
    """All of it or nothing."""

    def fail(connection: Connection) -> None:
        shapes.TOMBSTONES.save(connection, [Tombstone("x", 1)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(fail)

    with database.reading() as connection:
        assert shapes.TOMBSTONES.by_keys(connection, [("x",)]) == {}


def test_a_deadlock_is_tried_again(database: Database) -> None:
    """Two transactions that lock two rows in opposite orders both stand in the end."""
    database.write(lambda one: shapes.TOMBSTONES.save(one, [Tombstone("a", 1), Tombstone("b", 1)]))
    both_began, runs = threading.Barrier(2), [0, 0]

    def run(index: int) -> None:
        def work(connection: object) -> None:
            runs[index] += 1
            names = ("a", "b") if index else ("b", "a")
            for turn, name in enumerate(names):
                connection.execute(  # type: ignore[attr-defined]
                    text("UPDATE tombstone SET erased_at = erased_at + 1 WHERE identity = :name"), {"name": name}
                )
                if turn == 0 and runs[index] == 1 and not database.is_sqlite:
                    both_began.wait(10)

        database.write(work)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    with database.reading() as connection:
        found = shapes.TOMBSTONES.by_keys(connection, [("a",), ("b",)])
    assert {one.erased_at for one in found.values()} == {3}
    assert database.is_sqlite or sum(runs) == 3


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    """And sees what stood when it began."""
    is_writing, may_end = threading.Event(), threading.Event()

    def work(connection: object) -> None:
        shapes.TOMBSTONES.save(connection, [Tombstone("a", 1)])  # type: ignore[arg-type]
        is_writing.set()
        may_end.wait(30)

    writer = threading.Thread(target=database.write, args=(work,))
    writer.start()
    is_writing.wait(10)
    with database.reading() as connection:
        seen = shapes.TOMBSTONES.by_keys(connection, [("a",)])
    may_end.set()
    writer.join(30)

    assert seen == {}


def test_a_reader_cannot_write(database: Database) -> None:
    """A sink that tried would be a bug."""
    with pytest.raises(StoreDownError, match=r"read-?only"), database.reading() as connection:
        shapes.TOMBSTONES.save(connection, [Tombstone("a", 1)])


def test_no_lock_within_the_patience_is_a_store_that_does_not_answer(database: Database) -> None:
    """A hold, not a crash."""
    impatient = Database(database.engine.url.render_as_string(hide_password=False), patience_s=0.2)
    is_writing, may_end = threading.Event(), threading.Event()

    def work(connection: object) -> None:
        shapes.TOMBSTONES.save(connection, [Tombstone("a", 1)])  # type: ignore[arg-type]
        is_writing.set()
        may_end.wait(30)

    writer = threading.Thread(target=database.write, args=(work,))
    writer.start()
    is_writing.wait(10)
    with pytest.raises(StoreDownError, match="no lock within"):
        impatient.write(lambda connection: shapes.TOMBSTONES.save(connection, [Tombstone("a", 2)]))
    may_end.set()
    writer.join(30)
    impatient.close()


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    """What an operator needs, and no more."""
    (port,) = free_ports(1)
    away = Database(f"postgresql://commfleet:hunter2@127.0.0.1:{port}/none")

    with pytest.raises(StoreDownError, match="does not answer") as caught, away.reading():
        pass

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:////no/such/folder/store.db"])
def test_a_store_that_would_forget_is_refused(url: str) -> None:
    """A database in memory, or a folder that is not there."""
    with pytest.raises(ConfigurationError, match=r"store\.url"):
        Database(url)


def test_another_address_key_is_refused(database: Database) -> None:
    """It would overlook every objection by address."""
    open_as_writer(settings_of(database), 12).close()

    for opened in (open_as_reader, lambda settings: open_as_writer(settings, 12)):
        with pytest.raises(ConfigurationError, match="address_key"):
            opened(settings_of(database, "another key, long enough"))


def test_another_partition_count_is_refused(database: Database) -> None:
    """Rows would belong to owners who never see them."""
    open_as_writer(settings_of(database), 12).close()

    with pytest.raises(ConfigurationError, match="store repartition 24"):
        open_as_writer(settings_of(database), 24)


def test_repartition_moves_rows_to_where_kafka_puts_their_key(database: Database) -> None:
    """And voids every fence: a worker that still runs changes nothing any more."""
    events, worker = Events(), applier(database)
    batch = [events.make("engagement", 1, f"C-{number}", type="EMAIL_OPENED") for number in range(20)]
    mine = worker.apply(worker.claim(0), batch).holding

    moving = plan(database, 6).moving
    counted: list[int] = []
    repartition(database, 6, counted.append)

    with database.reading() as connection:
        rows = list(shapes.PROFILES.select(connection, tables.profile.c.partition >= 0))
        assert partition_count(connection) == 6
    assert {one.customer_id: one.partition for one in rows} == {
        f"C-{number}": partition_of(f"C-{number}".encode(), 6) for number in range(20)
    }
    assert moving == sum(one.partition != 0 for one in rows)
    assert sum(counted) == 2 * moving
    with pytest.raises(Exception, match="epoch"):
        worker.apply(mine, [])


def test_repartition_waits_for_the_outbox(database: Database) -> None:
    """What waits there belongs to the old numbers."""
    worker = applier(database)
    worker.apply(worker.claim(0), [Events().wish("OPTED_OUT", 10)])

    with pytest.raises(ConfigurationError, match="1 derived events wait"):
        plan(database, 6)


@pytest.mark.parametrize(
    ("key", "expected"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-longer-string", -1486304829)]
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    """The values of Kafka's own test (UtilsTest.testMurmur2)."""
    assert murmur2(key) == expected % 2**32


def test_old_lines_of_the_timeline_go(database: Database) -> None:
    """Those of this partition, behind the fence."""
    events, worker = Events(), applier(database)
    batch = [events.make("engagement", day * 86_400, type="EMAIL_OPENED") for day in (-400, -10, -1)]
    mine = worker.apply(worker.claim(0), batch).holding

    gone = database.write(lambda connection: prune(connection, mine, START_US - 5 * DAY_US))

    assert gone == 2
    assert _lines(database) == 1


def _lines(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT COUNT(*) FROM timeline")).scalar_one())
