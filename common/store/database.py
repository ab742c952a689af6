"""The database: engine, read and write transactions, and what its errors mean to us.

SQLite runs in WAL mode: one writer (`BEGIN IMMEDIATE`, so that a transaction that will write never has to upgrade its
lock and fail), and readers that never wait for it. PostgreSQL: read committed for writers, because the partition row
is the lock that matters, and a repeatable-read snapshot for readers.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, ProgrammingError, SQLAlchemyError

from common.backoff import full_jitter
from common.errors import ConfigurationError, StoreDownError

T = TypeVar("T")

_CONNECT_S = 5
_BACKOFF_BASE_S, _BACKOFF_CAP_S = 0.01, 1.0
_AGAIN = frozenset({"40001", "40P01", "55P03"})  # serialisation failure, deadlock, lock not available
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_WRITE = "commfleet_write"
_OUTDATED = "the customer store lacks a table or column: run `commfleet store migrate`, then start the workers again"


class Database:
    """One database; opening connects to nobody. Threads may share it."""

    def __init__(self, url: str, patience_s: float = 30.0) -> None:
        """Raises ConfigurationError when the address cannot be read."""
        self._url, self._patience_s = _parsed(url), patience_s
        self._random = random.Random()
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self.engine = self._sqlite() if self.is_sqlite else self._postgres()

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return self._url.render_as_string(hide_password=True)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction: all of it or nothing.

        After a deadlock, a serialisation failure or a lock that was not had it runs again, within the patience: it
        must not change anything but the database. Raises StoreDownError; what `work` raises rolls back and passes.
        """
        until, attempt = time.monotonic() + self._patience_s, 0
        while True:
            attempt += 1
            try:
                with self._named_errors(), self._writer() as connection, connection.begin():
                    return work(connection)
            except _TransientError as error:
                if time.monotonic() >= until:
                    raise StoreDownError(f"{self.address}: no lock within {self._patience_s:g} s: {error}") from error
                time.sleep(full_jitter(attempt, _BACKOFF_BASE_S, _BACKOFF_CAP_S, self._random))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent, read-only view; keep it short: SQLite's log grows meanwhile. Raises StoreDownError."""
        try:
            with self._named_errors(), self.engine.connect() as connection:
                self._as_reader(connection)
                with connection.begin():
                    yield connection
        except _TransientError as error:
            raise StoreDownError(f"{self.address}: {error}") from error

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def _writer(self) -> Connection:
        return self.engine.connect().execution_options(**{_WRITE: True})

    def _as_reader(self, connection: Connection) -> None:
        if not self.is_sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._named(error) from error
        except SQLAlchemyError as error:  # no free connection in the pool within its time
            raise StoreDownError(f"{self.address}: {error}") from error

    def _named(self, error: DBAPIError) -> Exception:
        cause: Any = error.orig
        said = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        if getattr(cause, "sqlstate", None) in _AGAIN or getattr(cause, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            return _TransientError(said)
        if isinstance(error, ProgrammingError) or said.startswith(("no such table", "no such column")):
            return ConfigurationError(f"{_OUTDATED} ({self.address}: {said})")
        return StoreDownError(f"the customer store at {self.address} does not answer: {said}")

    def _sqlite(self) -> Engine:
        _folder_of(self._url)
        arguments = {"timeout": self._patience_s, "check_same_thread": False}
        engine = create_engine(self._url, connect_args=arguments, **_JSON)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _postgres(self) -> Engine:
        options = f"-c lock_timeout={int(self._patience_s * 1000)} -c statement_timeout={int(self._patience_s * 2000)}"
        arguments = {"connect_timeout": _CONNECT_S, "options": options, "application_name": "commfleet"}
        return create_engine(self._url, connect_args=arguments, pool_pre_ping=True, pool_timeout=_CONNECT_S, **_JSON)


class _TransientError(Exception):
    """The transaction was rolled back and may be tried again."""


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


_JSON: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("store.url cannot be read: write sqlite:////path or postgresql://…") from None
    return parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed


def _folder_of(url: URL) -> None:
    if not url.database:
        raise ConfigurationError("store.url names no file: a store in memory would forget every opt-out")
    if not Path(url.database).resolve().parent.is_dir():
        raise ConfigurationError(f"store.url: the folder of {url.database} does not exist; create it")


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    """WAL; FULL because an applied offset must survive a power cut; transactions begin where we say."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-32768"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    is_writer = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if is_writer else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN DEFERRED")
