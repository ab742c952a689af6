"""Where a look at the workspaces is, and what a page means for it (§13 A). Pure.

A look goes through the types one after the other, what changed last first, and ends with what is older than the
look before; a sweep goes on to the end. Lists are paged by number: what changes meanwhile moves to the front, where
the next look finds it; what is removed lets another row slip past, so such a look does not count as a whole one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Look:
    """`floor`: what changed before is passed over. `type`, `page`, `total`: where it is; `top`: the newest change
    that it saw; `is_whole`: whether no row can have slipped past up to here."""

    floor: datetime
    began: datetime
    top: datetime = _LONG_AGO
    type: int = 0
    page: int = 1
    total: int = 0
    is_whole: bool = True

    @classmethod
    def at(cls, floor: datetime | None, now: datetime) -> "Look":
        """At its beginning; without a floor it is a sweep."""
        return cls(floor or _LONG_AGO, now)

    @classmethod
    def read(cls, shown: Mapping[str, Any]) -> "Look":
        """As it stands in a position."""
        return cls(**{name: _read(shown[name]) for name in cls.__slots__ if name in shown})

    def shown(self) -> dict[str, Any]:
        """As it stands in a position."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in values.items()}

    def of(self, types: Sequence[int]) -> "Look":
        """At a type that there is: the settings may have changed."""
        return self if self.type in types else replace(self, type=types[0], page=1, total=0)

    def after(
        self, dates: Sequence[datetime], total: int, *, is_end: bool, types: Sequence[int]
    ) -> tuple["Look", bool]:
        """Behind a page with these dates, of a list with so many rows (`is_end`: its last), and whether all is over."""
        shrank = self.page > 1 and total < self.total
        went = replace(self, top=max([self.top, *dates]), total=total, is_whole=self.is_whole and not shrank)
        if not is_end:
            return replace(went, page=self.page + 1), False
        following = [each for each in types if each > self.type]
        return (replace(went, type=following[0], page=1, total=0), False) if following else (went, True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to look at: what changed lately, and at intervals everything. A sweep takes long, so it is done in parts.

    `newest`: everything that changed before is told; `swept`: when the last whole sweep began. `recent`, `sweep`: the
    looks that are under way; `until`: how long the sweep goes on, None while it is not its turn.
    """

    since: datetime
    newest: datetime
    swept: datetime | None = None
    recent: Look | None = None
    sweep: Look | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, position: Mapping[str, Any]) -> "Plan":
        """As it stands in a position."""
        values: dict[str, Any] = {name: _read(each) for name, each in position.items() if name in cls.__slots__}
        for name in ("recent", "sweep"):
            if name in values:
                values[name] = Look.read(values[name])
        return cls(**values)

    def shown(self) -> dict[str, Any]:
        """As it stands in a position."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: _shown(each) for name, each in values.items() if each is not None}

    def look(self, now: datetime, overlap_s: float) -> Look:
        """The look whose turn it is."""
        if self.until is not None and self.sweep is not None:
            return self.sweep
        return self.recent or Look.at(self.newest - timedelta(seconds=overlap_s), now)

    def after(self, look: Look, *, is_over: bool, now: datetime, sweep_every_s: float, part_s: float) -> "Plan":
        """Behind a page of the look whose turn it was; one without a look under way is at the end of its turn."""
        if self.until is not None:
            return self._after_sweep(look, is_over=is_over, now=now)
        if not is_over:
            return replace(self, recent=look)
        newest = max(self.newest, look.top) if look.is_whole else self.newest
        is_due = self.swept is None or now - self.swept >= timedelta(seconds=sweep_every_s)
        sweep = self.sweep or (Look.at(None, now) if is_due else None)
        until = now + timedelta(seconds=part_s) if sweep else None
        return replace(self, newest=newest, recent=None, sweep=sweep, until=until)

    @property
    def is_at_rest(self) -> bool:
        """Whether its turn is over: what changed lately is told, and the sweep has had its part."""
        return self.recent is None and self.until is None

    def _after_sweep(self, look: Look, *, is_over: bool, now: datetime) -> "Plan":
        if is_over:
            return replace(self, swept=look.began if look.is_whole else self.swept, sweep=None, until=None)
        is_enough = self.until is not None and now >= self.until
        return replace(self, sweep=look, until=None if is_enough else self.until)


def _read(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value.shown()
