"""`commfleet consent export`, wired."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from common.errors import StoreDownError
from common.store import shapes
from common.store.database import Database
from common.store.look_ups import LookUps, Who
from common.store.opening import pseudonyms_of
from common.store.tables import profile
from common.store.values import Profile
from workers.consent.allow import Consent
from workers.consent.document import document
from workers.consent.export import Format, lines, pages
from workers.consent.freshness import stale_because
from workers.settings import Settings
from workers.store_command import partitions_of, reader, store_settings

_PAGE = 500


def export(settings: Settings, kind: Format, out: IO[bytes]) -> int:
    """Write what may be sent to whom; how many customers that is.

    Raises StoreDownError when the store is away, or further behind than `consent.max_age_s`: what was written so far
    is no export then.
    """
    with reader(settings) as database:
        look_ups = LookUps(database, pseudonyms_of(store_settings(settings)), partitions_of(database))
        count = 0
        for line in lines(_documents(settings, database, look_ups), kind):
            out.write(line)
            count += 1
    return count - (kind is Format.CSV)


def export_to(settings: Settings, kind: Format, file: Path) -> int:
    """The same into a file, which appears whole under its name, or not at all."""
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as out:
            count = export(settings, kind, out)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return count


def _documents(settings: Settings, database: Database, look_ups: LookUps) -> Iterator[dict[str, Any]]:
    consent = Consent(settings.consent)
    for customers in pages(lambda after: _page(database, after)):
        answer = look_ups.ask(map(_who, customers))
        _check(answer.fresh_at, settings.consent.max_age_s)
        yield from (document(answer.known[one.customer_id], consent) for one in customers)


def _who(one: Profile) -> Who:
    return Who(one.customer_id, one.customer.get("email"), one.customer.get("phone"))


def _page(database: Database, after: str) -> Sequence[Profile]:
    with database.reading() as connection:
        is_next = profile.c.customer_id > after
        return list(shapes.PROFILES.select(connection, is_next, profile.c.customer_id, limit=_PAGE))


def _check(fresh_at: datetime | None, max_age_s: float) -> None:
    if why := stale_because(fresh_at, datetime.now(UTC), max_age_s):
        raise StoreDownError(f"{why}; nothing that is exported now may be used: try again when it has caught up")
