"""`commfleet cursors list` and `cursors set`, wired: where pollers are, and the only way to move them by hand."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.clock import Clock, SystemClock
from common.errors import ConfigurationError
from common.event import OutRecord
from common.kafka.admin import TopicAdmin
from workers.bootstrap.poller import group_name, kept_cursors, transactions
from workers.ingest.pollers.cursor import PARTITION, TOPIC, Cursor, Saved, key_of_slot, records
from workers.poller_catalogue import configured_pollers, feed_names, poller_config
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class CursorRow:
    """One cursor: `as_of` and `age_s` are None for a feed that has never been polled; requests of its source today."""

    feed: str
    as_of: datetime | None
    age_s: float | None
    position: Any
    requests: int
    of_requests: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What setting a cursor does: `was` is None for a feed that has never been polled."""

    source: str
    feed: str
    was: Cursor | None
    to: datetime
    forgotten: Sequence[str]
    """Slots of seen ids that are dropped, so that what they name is published again."""


def cursor_rows(settings: Settings, clock: Clock | None = None) -> list[CursorRow]:
    """Every cursor of the configured pollers. Raises TopicUnreadableError when Kafka does not answer."""
    clock = clock or SystemClock()
    names = configured_pollers(settings)
    kept = kept_cursors(settings) if names else {}
    return [row for name in names for row in _rows(settings, name, kept, clock)]


def plan(settings: Settings, feed: str, to: datetime, *, forget: bool) -> Plan:
    """What setting would do. Raises ConfigurationError for an unknown feed, and while the source's pollers run."""
    source = feed.partition(".")[0]
    known = feed_names(settings, source, SystemClock())
    if feed not in known:
        raise ConfigurationError(f"there is no feed {feed!r}; {source} has: {', '.join(known)}")
    _refuse_members(settings, source)
    one = kept_cursors(settings).get(feed, Saved())
    return Plan(source, feed, one.cursor, to, sorted(one.slots) if forget else ())


def carry_out(settings: Settings, planned: Plan) -> None:
    """Move the cursor, and fence a poller that has started meanwhile: it finds the new cursor at its next start."""
    _refuse_members(settings, planned.source)
    was = planned.was
    cursor = Cursor(planned.feed, None, planned.to, was.day if was else "", was.requests if was else 0)
    dropped = [
        OutRecord(settings.prefix + TOPIC, key_of_slot(planned.feed, slot), None, (), PARTITION)
        for slot in planned.forgotten
    ]
    with closing(transactions(settings, planned.source)) as producer:
        producer.commit([*dropped, *records(settings.prefix, cursor, {})])


def _rows(settings: Settings, source: str, kept: Mapping[str, Saved], clock: Clock) -> list[CursorRow]:
    feeds = feed_names(settings, source, clock)
    cursors = [cursor for feed in feeds if (cursor := kept.get(feed, Saved()).cursor)]
    today = max((cursor.day for cursor in cursors), default="")
    used = max((cursor.requests for cursor in cursors if cursor.day == today), default=0)
    of_requests = poller_config(settings, source).requests_per_day
    return [_row(feed, kept.get(feed, Saved()).cursor, used, of_requests, clock.now()) for feed in feeds]


def _row(feed: str, cursor: Cursor | None, used: int, of_requests: int, now: datetime) -> CursorRow:
    if cursor is None:
        return CursorRow(feed, None, None, None, used, of_requests)
    age_s = (now - cursor.as_of).total_seconds()
    return CursorRow(feed, cursor.as_of, age_s, cursor.position, used, of_requests)


def _refuse_members(settings: Settings, source: str) -> None:
    group = group_name(settings, source)
    if members := TopicAdmin(settings.kafka.client()).members(group):
        raise ConfigurationError(
            f"{members} members of {group} are running: stop the source's pollers first (one that was killed is a "
            "member until its session ends, 45 s unless changed)"
        )
