"""Timers that are due: how many, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from common.store import shapes
from common.store.tables import timer
from common.store.values import Timer

MOST = 10_000
"""So many are counted; beyond, the number says no more than that."""


@dataclass(frozen=True, slots=True)
class Due:
    """Timers of one partition: how many are due, and when the oldest was (microseconds)."""

    count: int
    oldest: int


def due_timers(connection: Connection, numbers: Iterable[int], at: int) -> dict[int, Due]:
    """Of these partitions, those with timers due at a time, the oldest first."""
    is_due = timer.c.partition.in_(sorted(numbers)) & (timer.c.due_at <= at)
    some = select(timer.c.partition, timer.c.due_at).where(is_due).order_by(timer.c.due_at).limit(MOST).subquery()
    oldest = func.min(some.c.due_at)
    query = select(some.c.partition, func.count(), oldest).group_by(some.c.partition).order_by(oldest)
    return {number: Due(count, first) for number, count, first in connection.execute(query)}


def pending_timers(
    connection: Connection, journey: str | None, customer_id: str | None, without: str, at_most: int
) -> list[Timer]:
    """Timers of a journey, a customer, or all, the next first; those of the step `without` are left out."""
    is_meant = timer.c.step != without
    if journey is not None:
        is_meant &= timer.c.journey == journey
    if customer_id is not None:
        is_meant &= timer.c.customer_id == customer_id
    return list(shapes.TIMERS.select(connection, is_meant, timer.c.due_at, limit=at_most))
