"""The feeds of one subscription: activities by groups of types, changed lead fields, deleted leads (§2.10).

All are one log that is read by paging tokens. A position holds the token, the newest date that was seen, and a
second look that is under way: rows show up late, so every hour the last two hours are read again, and what was
seen is passed over.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.clock import Clock
from workers.ingest.pollers.api import Item, Page, Position
from workers.ingest.pollers.marketo.config import MarketoPollerConfig
from workers.ingest.pollers.marketo.mapping import MarketoTranslation
from workers.ingest.pollers.marketo.people import People
from workers.ingest.pollers.marketo.reads import Reads, TokenRefusedError
from workers.ingest.pollers.marketo.rows import lead_of, moment_of
from workers.ingest.sources.api import NewEvent, Translate, Trusted

_log = logging.getLogger(__name__)

_TYPES_A_CALL = 10
_MERGED = 32
_BACK_AFTER_REFUSAL = timedelta(hours=24)  # §2.10e: a saved token that is refused


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What a feed asks the log for."""

    path: str
    query: dict[str, str]
    action: str


class LogFeed:
    """One feed of the log; `translate_row` is pure."""

    def __init__(
        self, name: str, asked: LogQuery, config: MarketoPollerConfig, reads: Reads, people: People, clock: Clock,
        translate: Translate, interval_s: float,
    ) -> None:  # fmt: skip
        self.name, self.interval_s = name, interval_s
        self._asked, self._config, self._reads, self._people, self._clock = asked, config, reads, people, clock
        self._translate = translate

    def start(self, since: datetime) -> Position:
        """A token for everything since then."""
        return {"token": self._reads.token_since(_iso(since)), "newest": _iso(since), "looked": _iso(self._clock.now())}

    def fetch(self, position: Position) -> Page:
        """The second look that is under way, else the page behind the token."""
        if position.get("second"):
            return self._second(position)
        try:
            rows, token, is_last = self._rows(position["token"])
        except TokenRefusedError as error:
            _log.warning("%s: %s; read again from 24 h before %s", self.name, error, position["newest"])
            since = datetime.fromisoformat(position["newest"]) - _BACK_AFTER_REFUSAL
            return Page([], {**position, "token": self._reads.token_since(_iso(since))}, is_last=False)
        went = {**position, "token": token, "newest": _newest(rows, position["newest"])}
        if is_last and self._is_time_to_look(position):
            now = self._clock.now()
            since = now - timedelta(seconds=self._config.overlap_s)
            went |= {"second": self._reads.token_since(_iso(since)), "looked": _iso(now)}
            is_last = False
        return Page(self._items(rows), went, is_last)

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The events of a row, with the lead that was looked up for it."""
        return self._translate(item.signal, received_at)

    def _second(self, position: Position) -> Page:
        went = dict(position)
        try:
            rows, went["second"], is_last = self._rows(position["second"])
        except TokenRefusedError as error:
            _log.warning("%s: a second look was given up: %s", self.name, error)
            rows, is_last = [], True
        if is_last:
            del went["second"]
        return Page(self._items(rows), went, is_last)

    def _rows(self, token: str) -> tuple[list[Any], str, bool]:
        """A page may be empty and yet not the last (§2.10b); a token always comes back."""
        reply = self._reads.page(self._asked.path, token, self._asked.query, self._asked.action)
        found, more = reply.values.get("nextPageToken"), reply.values.get("moreResult") is True
        return list(reply.rows or ()), found if isinstance(found, str) and found else token, not more

    def _items(self, rows: Sequence[Any]) -> list[Item]:
        """Rows with their leads; a change of the customer id makes what was remembered old."""
        leads = [lead for row in rows if (lead := lead_of(row)) is not None]
        for row in rows:
            if (lead := lead_of(row)) is not None and row.get("fields"):
                self._people.forget(lead)
        people = self._people.of(leads, self._reads)
        return [Item(_id_of(row), {"row": row, "person": people.get(lead_of(row) or 0, {})}) for row in rows]

    def _is_time_to_look(self, position: Position) -> bool:
        since_s = (self._clock.now() - datetime.fromisoformat(position["looked"])).total_seconds()
        return self._config.overlap_s > 0 and since_s >= self._config.overlap_every_s


def feeds(config: MarketoPollerConfig, reads: Reads, people: People, clock: Clock) -> list[LogFeed]:
    """Every feed of a site, by what its settings ask for."""
    mapping = MarketoTranslation(config)
    activity, change, deleted_lead = (
        Trusted(translate, config.trusted) for translate in (mapping.activity, mapping.change, mapping.deleted)
    )
    types = [*sorted(config.activities), _MERGED]
    groups = [types[start : start + _TYPES_A_CALL] for start in range(0, len(types), _TYPES_A_CALL)]
    made = [
        LogFeed(
            f"marketo.activities-{number}",
            LogQuery("/rest/v1/activities.json", {"activityTypeIds": ",".join(map(str, group))}, "activities"),
            config, reads, people, clock, activity, config.interval_s,
        )
        for number, group in enumerate(groups, 1)
    ]  # fmt: skip
    watched = sorted(
        {rule.field for rule in config.consent} | set(config.profile.values()) | {config.customer_id_field}
    )
    changes = LogQuery("/rest/v1/activities/leadchanges.json", {"fields": ",".join(watched)}, "lead_changes")
    deleted = LogQuery("/rest/v1/activities/deletedleads.json", {}, "deleted_leads")
    return [
        *made,
        LogFeed("marketo.changes", changes, config, reads, people, clock, change, config.interval_s),
        LogFeed("marketo.deleted", deleted, config, reads, people, clock, deleted_lead, config.deleted_every_s),
    ]


def _id_of(row: Any) -> str:
    """marketoGUID: `id` may be missing, and is not unique (§2.10b)."""
    guid = row.get("marketoGUID") if isinstance(row, dict) else None
    return f"guid:{guid}" if guid else f"row:{row!r}"


def _newest(rows: Sequence[Any], before: str) -> str:
    found = [moment for row in rows if (moment := moment_of(row)) is not None]
    return max([datetime.fromisoformat(before), *found]).isoformat()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
