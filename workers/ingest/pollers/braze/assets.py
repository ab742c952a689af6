"""The feeds of material: blocks, templates, campaigns, Canvases (§2.11 of the vendor page).

Between two sweeps only what was edited lately is listed; a sweep lists everything since the beginning, for what a
page that moved has hidden. What carries the approval tag is opened. A thing is new when its content or its
approval is another than was last seen.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from common.clock import Clock
from workers.ingest.pollers.api import Item, Page, Position
from workers.ingest.pollers.braze.config import AssetKind, BrazePollerConfig
from workers.ingest.pollers.braze.kinds import KINDS
from workers.ingest.pollers.braze.reads import Reads
from workers.ingest.pollers.braze.states import is_tagged, state_of
from workers.ingest.sources.api import NewEvent, Translate

_PAGE = 100
_STEP = 90  # pages by offset overlap: what leaves the list moves all behind it
_EDITED_AGAIN = timedelta(hours=1)


class AssetFeed:
    """One kind. A position is since when edited things are listed, and the look that is under way."""

    def __init__(
        self, kind: AssetKind, config: BrazePollerConfig, reads: Reads, clock: Clock, translate: Translate
    ) -> None:
        self.name, self.interval_s = f"braze.{kind}", config.assets_every_s
        self._kind, self._how, self._config = kind, KINDS[kind], config
        self._reads, self._clock, self._translate = reads, clock, translate

    def start(self, since: datetime) -> Position:
        """Everything that was edited since then."""
        return {"floor": _iso(since), "after": _iso(since), "at": 0, "began": None, "swept": _iso(self._clock.now())}

    def fetch(self, position: Position) -> Page:
        """A page of the look that is under way, else the first one of the next; what is approved is opened."""
        began = position["began"] or _iso(self._clock.now())
        at = int(position["at"])
        rows = self._reads.page(self._how.list_path, self._query(position["after"], at), self._how.rows, self._kind)
        items = [item for row in rows for item in self._items(row)]
        if len(rows) < _PAGE:
            return Page(items, self._over(position, began), is_last=True)
        went = at + (1 if self._how.is_paged else _STEP)
        return Page(items, {**position, "began": began, "at": went}, is_last=False)

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The snapshot of a thing."""
        return self._translate(item.signal, received_at)

    def _query(self, after: str, at: int) -> dict[str, str]:
        if self._how.is_paged:
            plain = datetime.fromisoformat(after).strftime("%Y-%m-%dT%H:%M:%S")
            return {"page": str(at), "sort_direction": "asc", "last_edit.time[gt]": plain}
        # the first page has no offset: 0 is refused
        return {"modified_after": after, "limit": str(_PAGE), **({"offset": str(at)} if at else {})}

    def _over(self, position: Position, began: str) -> Position:
        """The look is over; when it is time, the next one is a sweep."""
        now, floor = self._clock.now(), datetime.fromisoformat(position["floor"])
        is_time = (now - datetime.fromisoformat(position["swept"])).total_seconds() >= self._config.sweep_every_s
        after = floor if is_time else max(floor, datetime.fromisoformat(began) - _EDITED_AGAIN)
        swept = _iso(now) if is_time else position["swept"]
        return {"floor": position["floor"], "after": _iso(after), "at": 0, "began": None, "swept": swept}

    def _items(self, row: Any) -> Iterable[Item]:
        """None for a thing that was deleted meanwhile, or that nobody asks for."""
        id_ = row.get(self._how.id) if isinstance(row, dict) else None
        if not isinstance(id_, str) or not id_:
            return [Item(f"row:{row!r}", {"row": row, "whole": None})]
        whole = None
        if is_tagged(row, self._config.approval_tag):
            whole = self._reads.one(self._how.one_path, {self._how.one_id: id_}, f"{self._kind}_one")
            if whole is None:
                return []
        elif not self._config.unapproved:
            return [Item("unapproved", {"row": row, "whole": None}, level=id_)]
        signal = {"row": row, "whole": whole}
        return [Item(state_of(self._how, signal, self._config.approval_tag), signal, level=id_)]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
