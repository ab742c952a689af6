"""The feeds of addresses: who unsubscribed, and who bounced for good (§2.10 of the vendor page).

A list shows states by days, and there is no cursor in it. Each look reads the days since the last one and a few
before, from the first page on; what was seen is passed over. Pages overlap, for a row that leaves the list moves
all behind it forward by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from common.clock import Clock
from workers.ingest.pollers.api import Item, Page, Position
from workers.ingest.pollers.braze.config import BrazePollerConfig
from workers.ingest.pollers.braze.reads import Reads
from workers.ingest.sources.api import NewEvent, Translate

_LIMIT, _STEP = 500, 450
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AddressList:
    """Which list, what its rows call the moment, and what else is asked for."""

    path: str
    moment: str
    action: str
    query: Mapping[str, str]


UNSUBSCRIBES = AddressList("/email/unsubscribes", "unsubscribed_at", "unsubscribes", {"sort_direction": "asc"})
HARD_BOUNCES = AddressList("/email/hard_bounces", "hard_bounced_at", "hard_bounces", {})


class AddressFeed:
    """One of the two lists. A position is the first day that is not wholly read, and the look that is under way."""

    def __init__(
        self, name: str, asked: AddressList, config: BrazePollerConfig, reads: Reads, clock: Clock, translate: Translate
    ) -> None:
        self.name, self.interval_s = name, config.interval_s
        self._asked, self._reads, self._clock, self._translate = asked, reads, clock, translate
        self._overlap = timedelta(days=config.overlap_days)

    def start(self, since: datetime) -> Position:
        """The day of that moment."""
        return {"start": since.astimezone(UTC).date().isoformat(), "end": None, "offset": 0}

    def fetch(self, position: Position) -> Page:
        """A page of the look that is under way, else the first one of the next."""
        end = position["end"] or (self._clock.now().astimezone(UTC).date() + _DAY).isoformat()
        offset = int(position["offset"])
        query = {"start_date": position["start"], "end_date": end, "limit": str(_LIMIT), **self._asked.query}
        if offset:
            query["offset"] = str(offset)
        rows = self._reads.page(self._asked.path, query, "emails", self._asked.action)
        items = [Item(self._id_of(row), row) for row in rows]
        if len(rows) < _LIMIT:
            return Page(items, {"start": self._next(position["start"], end), "end": None, "offset": 0}, is_last=True)
        return Page(items, {**position, "end": end, "offset": offset + _STEP}, is_last=False)

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The events of a row."""
        return self._translate(item.signal, received_at)

    def _next(self, start: str, end: str) -> str:
        """Days are read again for as long as they may still get rows."""
        again = date.fromisoformat(end) - _DAY - self._overlap
        return max(date.fromisoformat(start), again).isoformat()

    def _id_of(self, row: Any) -> str:
        if isinstance(row, dict) and row.get("email") and row.get(self._asked.moment):
            return f"{str(row['email']).lower()}|{row[self._asked.moment]}"
        return f"row:{row!r}"
