"""The timeline's retention: old lines go, in pieces, so that no transaction is long."""

from sqlalchemy import Connection, delete, select

from common.store.partitions import Holding, fence
from common.store.tables import timeline

PIECE = 5000


def prune(connection: Connection, mine: Holding, oldest: int) -> int:
    """Delete one piece of this partition's lines from before `oldest`; how many. Raises FencedError."""
    fence(connection, mine)
    is_old = (timeline.c.partition == mine.number) & (timeline.c.occurred_at < oldest)
    piece = select(timeline.c.event_id).where(is_old).limit(PIECE)
    return connection.execute(delete(timeline).where(timeline.c.event_id.in_(piece))).rowcount
