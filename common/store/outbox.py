"""The outbox: derived events, published in order, deleted as a prefix when Kafka has them (design §8)."""

from sqlalchemy import Connection, delete

from common.store import shapes
from common.store.partitions import Holding, fence
from common.store.tables import outbox
from common.store.values import Outgoing


def pending(connection: Connection, number: int, at_most: int = 1000) -> list[Outgoing]:
    """What a partition has to publish, in order; after a crash some is in Kafka already, under the same id."""
    return list(shapes.OUTBOX.select(connection, outbox.c.partition == number, outbox.c.sequence, limit=at_most))


def published(connection: Connection, mine: Holding, up_to: int) -> None:
    """Delete what Kafka has confirmed: everything up to this sequence. Raises FencedError."""
    fence(connection, mine)
    is_done = (outbox.c.partition == mine.number) & (outbox.c.sequence <= up_to)
    connection.execute(delete(outbox).where(is_done))
