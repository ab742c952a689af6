"""Moving the store's rows to another partition count, after the topics got more partitions.

Workers must be stopped, and the outbox empty: what waits there belongs to the old numbers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, func, select

from common.errors import ConfigurationError
from common.partitioner import partition_of
from common.store import tables
from common.store.database import Database
from common.store.opening import PARTITIONS, partition_count, write_meta
from common.store.rows import chunks

_CHUNK = 2000
_BY_KEY = (
    (tables.profile, "customer_id"),
    (tables.timeline, "customer_id"),
    (tables.instance, "customer_id"),
    (tables.timer, "customer_id"),
    (tables.alert, "alert_key"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a repartition would do: `moving` is customers and alerts whose number changes."""

    before: int | None
    after: int
    moving: int


def plan(database: Database, count: int) -> Plan:
    """Raises ConfigurationError when the store cannot be moved."""
    with database.reading() as connection:
        before = partition_count(connection)
        waiting = connection.execute(select(func.count()).select_from(tables.outbox)).scalar_one()
        if waiting:
            raise ConfigurationError(
                f"{waiting} derived events wait to be published: let the journey workers publish them, then stop the "
                "workers and try again"
            )
        if before is not None and count < before:
            raise ConfigurationError(f"the store has {before} partitions: Kafka's topics never get fewer")
        moving = sum(
            1 for table, name in _BY_KEY if table is not tables.timeline for _ in _moves(connection, table, name, count)
        )
    return Plan(before, count, moving)


def repartition(database: Database, count: int, done: Callable[[int], None]) -> None:
    """Give every row the number that its key has among `count`, in one transaction; `done` counts changed rows."""
    database.write(lambda connection: _move_all(connection, count, done))


def _move_all(connection: Connection, count: int, done: Callable[[int], None]) -> None:
    for table, name in _BY_KEY:
        column = table.c[name]
        statement = table.update().where(column == bindparam("b_key")).values(partition=bindparam("b_partition"))
        for chunk in chunks(_moves(connection, table, name, count), _CHUNK):
            connection.execute(statement, chunk)
            done(len(chunk))
    _move_workspaces(connection, count)
    # every fence of before is void: a worker that still runs changes nothing any more
    connection.execute(tables.partition.update().values(epoch=tables.partition.c.epoch + 1, fresh_at=0))
    write_meta(connection, PARTITIONS, str(count))


def _moves(connection: Connection, table: Table, name: str, count: int) -> Iterator[dict[str, object]]:
    rows = connection.execute(select(table.c[name], func.min(table.c.partition)).group_by(table.c[name])).all()
    for key, number in rows:
        if (target := partition_of(key.encode(), count)) != number:
            yield {"b_key": key, "b_partition": target}


def _move_workspaces(connection: Connection, count: int) -> None:
    """A workspace without a customer travels under its own id."""
    table = tables.workspace
    rows = connection.execute(select(table.c.workspace_id, table.c.customer_id)).all()
    statement = (
        table.update().where(table.c.workspace_id == bindparam("b_key")).values(partition=bindparam("b_partition"))
    )
    targets = [
        {"b_key": workspace, "b_partition": partition_of((customer or workspace).encode(), count)}
        for workspace, customer in rows
    ]
    for chunk in chunks(targets, _CHUNK):
        connection.execute(statement, chunk)
