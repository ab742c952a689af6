"""Where in a list a feed is, and what a page means for it (§4.1, §5.1). Pure.

Lists are paged by number, so rows move between pages while they are read: what is added is shown twice, what is
removed lets another row slip past. Every look therefore begins at the first page again, and a look during which the
list became shorter is not a whole one.
"""

from dataclasses import dataclass
from typing import Any

from common.reasons import Cause
from workers.ingest.pollers.api import PausedError, Position
from workers.ingest.pollers.exstream.reads import Listed


@dataclass(frozen=True, slots=True)
class Place:
    """So many pages and rows of a list are read; `last` is the id of the last of them, `is_whole` as above."""

    page: int = 0
    shown: int = 0
    total: int = 0
    last: str = ""
    is_whole: bool = True

    @classmethod
    def read(cls, position: Position) -> "Place":
        """As it stands in a position."""
        found = position.get("place") or {}
        return cls(**{name: found[name] for name in cls.__slots__ if name in found})

    def shown_as(self) -> dict[str, Any]:
        """As it stands in a position."""
        return {name: getattr(self, name) for name in self.__slots__}

    def after(self, listed: Listed) -> "Place | None":
        """Behind this page; None where the list ends. Raises PausedError where `offset` counts something else."""
        ids = [id_of(row) for row in listed.rows]
        shown = self.shown + len(ids)
        if self.page and len(ids) > 1 and ids[-2] == self.last:
            raise _miscounted("pages", "rows")
        if self.page and not ids and self.shown < listed.total:
            raise _miscounted("rows", "pages")
        if not ids or shown >= listed.total:
            return None
        return Place(self.page + 1, shown, listed.total, ids[-1], self.is_still_whole(listed))

    def is_still_whole(self, listed: Listed) -> bool:
        """Whether no row can have slipped past up to here."""
        return self.is_whole and listed.total >= self.total


def id_of(row: Any) -> str:
    """A row's id; empty for what is none."""
    found = row.get("id") if isinstance(row, dict) else None
    return found if isinstance(found, str) else ""


def _miscounted(said: str, means: str) -> PausedError:
    detail = f"`offset` does not count {said} here: set offset_counts to {means}"
    return PausedError(Cause.CONFIGURATION, detail, is_all=False)
