"""Where a look at the workspaces is, and what a page means for it (§13 A). Pure.

A look goes through the types one after the other, what changed last first, and ends with what is older than the
look before; a sweep goes on to the end. Lists are paged by number: what changes meanwhile moves to the front, where
the next look finds it; what is removed lets another row slip past, so such a look does not count as a whole one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.ingest.pollers.api import Position

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Look:
    """`newest`: everything that changed before is told; `swept`: when the last sweep began. `type`, `page`, `total`:
    where this look is; `top`: the newest change that it saw; `began`: when, for a sweep."""

    since: datetime
    newest: datetime
    swept: datetime | None = None
    began: datetime | None = None
    top: datetime = _LONG_AGO
    type: int = 0
    page: int = 1
    total: int = 0
    is_whole: bool = True

    @classmethod
    def read(cls, position: Position) -> "Look":
        """As it stands in a position."""
        return cls(**{name: _read(value) for name, value in position.items() if name in cls.__slots__})

    def shown(self) -> dict[str, Any]:
        """As it stands in a position."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in values.items()}

    @property
    def is_at_start(self) -> bool:
        """Whether it has not begun."""
        return self.type == 0 and self.page == 1

    def begun(self, now: datetime, sweep_every_s: float) -> "Look":
        """At its start: a sweep, when it is time for one."""
        is_due = self.swept is None or now - self.swept >= timedelta(seconds=sweep_every_s)
        return replace(self, began=now if is_due else None) if self.is_at_start else self

    def of(self, kind: int) -> "Look":
        """At another type."""
        return replace(self, type=kind)

    def floor(self, overlap_s: float) -> datetime:
        """What changed before is passed over; in a sweep nothing is."""
        return _LONG_AGO if self.began else self.newest - timedelta(seconds=overlap_s)

    def after(self, dates: Sequence[datetime], total: int, *, is_end: bool, types: Sequence[int]) -> "Look":
        """Behind a page with these dates of a list with so many rows; `is_end`: of its type."""
        shrank = self.page > 1 and total < self.total
        went = replace(self, top=max([self.top, *dates]), total=total, is_whole=self.is_whole and not shrank)
        if not is_end:
            return replace(went, page=self.page + 1)
        following = [each for each in types if each > self.type]
        return replace(went.of(following[0]), page=1, total=0) if following else went._over()

    def _over(self) -> "Look":
        newest, swept = max(self.newest, self.top), self.began or self.swept
        if not self.is_whole:
            newest, swept = self.newest, self.swept
        return Look(self.since, newest, swept)


def _read(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def started(since: datetime) -> Mapping[str, Any]:
    """The very first look is a sweep: edges are found against what was known before."""
    return Look(since, since).shown()
