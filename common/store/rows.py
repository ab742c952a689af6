"""Rows in and out: values to sorted multi-row upserts, and back.

Keys are sorted before they are written, so that two transactions take the same locks in the same order.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Table, and_, bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

V = TypeVar("V")
Key = tuple[str, ...]

CHUNK = 500
"""Keys of one query: within the bounds of both engines, and one plan for most batches."""


class Shape(Generic[V]):
    """One table and the class of its rows.

    `newer` names a column that only grows: a row that stands there with a higher value is kept as it is. `once` leaves
    every row that stands there.
    """

    def __init__(self, table: Table, kind: type[V], *, newer: str = "", once: bool = False) -> None:
        self.table, self.kind = table, kind
        self.key_names = tuple(column.name for column in table.primary_key)
        self.names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
        self._newer, self._once = newer, once
        self._queries: dict[tuple[str, ...], Any] = {}
        self._values: Callable[[V], Any] = attrgetter(*self.names)
        self._key: Callable[[V], Any] = attrgetter(*self.key_names)

    def key_of(self, value: V) -> Key:
        """The primary key of a row."""
        found = self._key(value)
        return found if len(self.key_names) > 1 else (found,)

    def save(self, connection: Connection, values: Iterable[V]) -> None:
        """Insert or replace these rows; nothing for none."""
        rows = [dict(zip(self.names, self._values(value), strict=True)) for value in sorted(values, key=self.key_of)]
        if rows:
            connection.execute(self._upsert(connection.dialect.name), rows)

    def delete(self, connection: Connection, keys: Iterable[Key]) -> None:
        """Delete rows by their keys."""
        rows = [dict(zip((f"b_{name}" for name in self.key_names), key, strict=True)) for key in sorted(keys)]
        if rows:
            conditions = (self.table.c[name] == bindparam(f"b_{name}") for name in self.key_names)
            connection.execute(self.table.delete().where(and_(*conditions)), rows)

    def by_keys(self, connection: Connection, keys: Collection[Key]) -> dict[Key, V]:
        """The rows of these whole keys that are there."""
        return {self.key_of(row): row for row in self.where_in(connection, self.key_names, keys)}

    def where_in(self, connection: Connection, names: Sequence[str], keys: Collection[Key]) -> Iterator[V]:
        """The rows in which these columns have one of these values."""
        query = self._among(*names)
        for chunk in chunks(sorted(keys), CHUNK):
            wanted = [key[0] for key in chunk] if len(names) == 1 else chunk
            yield from (self.kind(*row) for row in connection.execute(query, {"wanted": wanted}))

    def select(self, connection: Connection, condition: Any, *order: Any, limit: int | None = None) -> Iterator[V]:
        """The rows that meet a condition."""
        query = select(*(self.table.c[name] for name in self.names)).where(condition).order_by(*order).limit(limit)
        return (self.kind(*row) for row in connection.execute(query))

    def _among(self, *names: str) -> Any:
        """The query for rows whose columns have one of the `wanted` values; made once, for that takes as long as it."""
        if names not in self._queries:
            columns = [self.table.c[name] for name in names]
            found = columns[0] if len(columns) == 1 else tuple_(*columns)
            among = found.in_(bindparam("wanted", expanding=True))
            self._queries[names] = select(*(self.table.c[name] for name in self.names)).where(among)
        return self._queries[names]

    def _upsert(self, dialect: str) -> Any:
        insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
        statement = insert(self.table)
        if self._once:
            return statement.on_conflict_do_nothing(index_elements=self.key_names)
        changed = {name: statement.excluded[name] for name in self.names if name not in self.key_names}
        where = statement.excluded[self._newer] > self.table.c[self._newer] if self._newer else None
        return statement.on_conflict_do_update(index_elements=self.key_names, set_=changed, where=where)


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most `size`, in order."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
