"""The partition row: fence, offsets and freshness in one place (design §8).

Assignment raises the epoch. Every transaction that writes begins by touching the row *with the epoch it knows*: a
worker that lost its partition meets no row, and everything it would have written is rolled back. The row is also the
lock: two owners in time never interleave.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from common.errors import FencedError
from common.store.tables import outbox, partition

_FENCE = (
    update(partition)
    .where(partition.c.number == bindparam("b_number"), partition.c.epoch == bindparam("b_epoch"))
    .values(offsets=bindparam("b_offsets"), fresh_at=bindparam("b_fresh_at"))
)


@dataclass(frozen=True, slots=True)
class Holding:
    """A partition number as its owner holds it; `offsets` has the next offset of each topic (logical name).

    `fresh_at`: everything appended to this partition number before that time is applied, 0 when nobody knows.
    `sequence` is the next one of the outbox.
    """

    number: int
    epoch: int
    offsets: Mapping[str, int] = field(default_factory=dict)
    fresh_at: int = 0
    sequence: int = 1

    def moved(self, offsets: Mapping[str, int], fresh_at: int = 0) -> "Holding":
        """The same partition further on; neither offsets nor freshness go back."""
        further = {topic: max(offset, self.offsets.get(topic, 0)) for topic, offset in offsets.items()}
        return replace(self, offsets={**self.offsets, **further}, fresh_at=max(fresh_at, self.fresh_at))


def claim(connection: Connection, number: int) -> Holding:
    """Become the owner: from now on every earlier owner is fenced."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    fresh_row = insert(partition).values(number=number, epoch=0, offsets={}, fresh_at=0)
    connection.execute(fresh_row.on_conflict_do_nothing(index_elements=["number"]))
    raised = update(partition).where(partition.c.number == number).values(epoch=partition.c.epoch + 1)
    row = connection.execute(raised.returning(partition.c.epoch, partition.c.offsets, partition.c.fresh_at)).one()
    last = select(func.max(outbox.c.sequence)).where(outbox.c.partition == number)
    return Holding(number, row.epoch, row.offsets, row.fresh_at, (connection.execute(last).scalar() or 0) + 1)


def fence(connection: Connection, mine: Holding) -> None:
    """First in every writing transaction: store where we are, if the partition is still ours; else FencedError."""
    given = {
        "b_number": mine.number,
        "b_epoch": mine.epoch,
        "b_offsets": dict(mine.offsets),
        "b_fresh_at": mine.fresh_at,
    }
    if connection.execute(_FENCE, given).rowcount != 1:
        raise FencedError(
            f"partition {mine.number} of the customer store is another worker's (epoch {mine.epoch} is over): "
            "nothing was written; its new owner goes on"
        )


def oldest_fresh_at(connection: Connection, count: int) -> int:
    """The oldest freshness of all `count` partitions; 0 while one of them was never held."""
    oldest, rows = connection.execute(
        select(func.min(partition.c.fresh_at), func.count()).where(partition.c.number < count)
    ).one()
    return oldest or 0 if rows == count else 0
