"""What was known of a substitute becomes the customer's: timeline, facts, workspaces, alerts, journeys, timers.

The two ids may be on two partition numbers, with two owners. Whoever reads of the link has fenced its own number; the
row of the other number is locked as well, so that its owner stands either before all of this or after it. (Two who
lock each other's are told by the database, and one of them begins again.)
"""

from typing import Any

from sqlalchemy import Connection, Table, select, update

from common.partitioner import partition_of
from common.store import shapes, tables
from common.store.opening import partition_count
from workers.journeys.memory import Memory
from workers.journeys.reducers import Reducer


def adopt(
    connection: Connection, before: Memory, reducers: tuple[Reducer, ...], substitute: str, customer_id: str
) -> Memory:
    """Move everything; what is counted is left in the memory that is returned, and nothing is to be published."""
    count = partition_count(connection)
    home, away = (partition_of(one.encode(), count) if count else before.partition for one in (customer_id, substitute))
    _lock(connection, {home, away} - {before.partition})
    memory = Memory(home, before.now)
    memory.profiles.load(shapes.PROFILES.where_in(connection, ("customer_id",), [(substitute,), (customer_id,)]))
    memory.instances.load(shapes.INSTANCES.where_in(connection, ("customer_id",), [(substitute,), (customer_id,)]))
    for reducer in reducers:
        reducer.adopt(memory, substitute, customer_id)
    for table in (tables.timeline, tables.workspace):
        _rename(connection, table, substitute, customer_id=customer_id, partition=home)
    _rename(connection, tables.alert, substitute, customer_id=customer_id)  # its partition is that of its own key
    return memory


def _lock(connection: Connection, numbers: set[int]) -> None:
    """Wait until nobody applies events of these numbers, and keep it so to the end of the transaction."""
    if numbers:
        column = tables.partition.c.number
        connection.execute(select(column).where(column.in_(sorted(numbers))).order_by(column).with_for_update()).all()


def _rename(connection: Connection, table: Table, substitute: str, **values: Any) -> None:
    connection.execute(update(table).where(table.c.customer_id == substitute).values(**values))
