"""Since when each journey runs: what happened before its first deployment starts nothing."""

from collections.abc import Iterable

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from common.store.opening import write_meta
from common.store.tables import meta

_PREFIX = "journey:"


def deployments(connection: Connection, names: Iterable[str], now: int, since: int | None = None) -> dict[str, int]:
    """The first deployment of each journey, remembered from now on; `since` puts all of them there."""
    wanted = sorted(f"{_PREFIX}{name}" for name in names)
    for name in wanted:
        if since is not None:
            write_meta(connection, name, str(since))
        else:
            _write_first(connection, name, str(now))
    found = connection.execute(select(meta.c.name, meta.c.value).where(meta.c.name.in_(wanted)))
    return {name.removeprefix(_PREFIX): int(value) for name, value in found}


def _write_first(connection: Connection, name: str, value: str) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(meta).values(name=name, value=value).on_conflict_do_nothing(index_elements=["name"]))
