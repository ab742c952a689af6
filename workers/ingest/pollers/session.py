"""The active poller of a source: from the fence to the moment it is told to stop, a few pages at a time.

A session begins by starting its transactional id, which fences a stalled predecessor and ends what it left open;
only then does it read the checkpoint topic, up to the end that the partition has by then. What it reads is therefore
final, and nobody else can move it. Events and letters of a few pages, cursor and seen ids are one transaction: a crash
leaves all of it or nothing. A transaction that fails ends the session, whose memory is then as old as the last
commit: the next one begins from the log again.
"""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.backoff import full_jitter
from common.clock import Clock
from common.errors import ConfigurationError, RegistryDownError
from common.event import OutRecord
from common.reasons import Cause
from workers.ingest.pollers.api import DetailedFeed, Feed, Item, Page, PausedError, Position
from workers.ingest.pollers.cursor import Cursor, Saved, records
from workers.ingest.pollers.hooks import PollHook
from workers.ingest.pollers.seen import Seen
from workers.ingest.pollers.slice import Slice
from workers.ingest.pollers.step import Maker

_log = logging.getLogger(__name__)

_IDLE_S = 1.0
_BACKOFF_BASE_S = 2.0
_MOST_HINTED_S = 3600.0
_MOST_PAGES, _ENOUGH = 10, 900  # of one transaction: pages, and items after which no page joins in


class Transactions(Protocol):
    """All or nothing (common/kafka/transactions.py)."""

    def start(self) -> None:
        """Fence a predecessor. Raises AbortedError or FatalError."""
        ...

    def commit(self, records: Sequence[OutRecord]) -> None:
        """Raises AbortedError or FatalError."""
        ...


Stop = Callable[[float], bool]
"""Waits so many seconds, or until told to stop; whether told to stop."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session keeps to: the ids remembered by feed, the longest wait, and where new feeds begin."""

    prefix: str
    remembered: int
    max_backoff_s: float
    since: datetime | None


@dataclass(slots=True)
class Reading:
    """One feed, how far it is, and when it is due (monotonic)."""

    feed: Feed
    cursor: Cursor
    seen: Seen
    due_at: float = 0.0
    failures: int = 0


class Session:
    """Polls the feeds of one source. One thread."""

    def __init__(
        self, feeds: Sequence[Feed], transactions: Transactions, read: Callable[[], Mapping[str, Saved]],
        maker: Maker, slice_: Slice, terms: Terms, clock: Clock, hook: PollHook, rng: random.Random | None = None,
    ) -> None:  # fmt: skip
        """`read` gives what the checkpoint topic holds by now, whatever it takes."""
        self._feeds, self._transactions, self._read, self._maker = feeds, transactions, read, maker
        self._slice, self._terms, self._clock, self._hook = slice_, terms, clock, hook
        self._rng = rng or random.Random()

    def run(self, stop: Stop) -> None:
        """Poll until told to stop.

        Raises AbortedError when the session is over (begin another), FatalError when the process must end, and
        ConfigurationError when a feed has no cursor and nobody said where it begins.
        """
        readings = self.begin()
        while not stop(0):
            if not self.turn(readings) and stop(self._pause_s(readings)):
                return

    def begin(self) -> list[Reading]:
        """Fence, then read what is kept."""
        self._transactions.start()
        kept = self._read()
        readings = [self._reading(feed, kept.get(feed.name, Saved())) for feed in self._feeds]
        missing = [feed.name for feed in self._feeds if kept.get(feed.name, Saved()).cursor is None]
        if missing and self._terms.since is None:
            raise ConfigurationError(
                f"{', '.join(missing)} has never been polled: say where to begin, with --since 7d or a time"
            )
        for one in readings:
            self._slice.resume(one.cursor.day, one.cursor.requests)
        return readings

    def turn(self, readings: Sequence[Reading]) -> bool:
        """Some pages of each feed that is due; whether one was."""
        was_any = False
        for one in readings:
            if one.due_at > self._clock.monotonic():  # one that was paused may have made all the others wait
                continue
            was_any = True
            try:
                self._page(one)
            except PausedError as paused:
                self._paused(one, readings, paused)
            except RegistryDownError as error:
                self._paused(one, readings, PausedError(Cause.REGISTRY_DOWN, str(error)))
        for one in readings:
            self._hook.aged(one.feed.name, (self._clock.now() - one.cursor.as_of).total_seconds())
        self._hook.budget(self._slice.left)
        return was_any

    def _page(self, one: Reading) -> None:
        """Some pages, in one transaction. Raises PausedError, after what was read before it is committed."""
        began = self._clock.now()
        position = one.cursor.position
        if position is None:
            position = one.feed.start(one.cursor.as_of)
        pages, paused = self._pages(one.feed, position)
        items = [item for page in pages for item in page.items]
        fresh = _detailed(one.feed, one.seen.fresh(items))
        made = self._maker.make(one.feed, fresh, self._clock.now())
        is_last = pages[-1].is_last
        as_of = began if is_last else one.cursor.as_of
        cursor = Cursor(one.feed.name, pages[-1].position, as_of, self._slice.day, self._slice.used)
        kept = records(self._terms.prefix, cursor, one.seen.note(fresh))
        self._transactions.commit([*made.records, *kept])
        one.cursor, one.failures = cursor, 0
        one.due_at = self._clock.monotonic() + (one.feed.interval_s if is_last else 0)
        self._hook.polled(one.feed.name, made, len(items) - len(fresh))
        if paused:
            raise paused

    def _pages(self, feed: Feed, position: Position) -> tuple[list[Page], PausedError | None]:
        """At least one page: a transaction costs as much as a request, so the next ones join in, within bounds."""
        pages = [feed.fetch(position)]
        while not pages[-1].is_last and len(pages) < _MOST_PAGES and sum(len(each.items) for each in pages) < _ENOUGH:
            try:
                pages.append(feed.fetch(pages[-1].position))
            except PausedError as paused:
                return pages, paused
        return pages, None

    def _paused(self, one: Reading, readings: Sequence[Reading], paused: PausedError) -> None:
        """A source that says no to one feed says no to the others; backing off where nobody said how long."""
        one.failures += 1
        cap_s = self._terms.max_backoff_s
        backoff_s = full_jitter(one.failures, _BACKOFF_BASE_S, cap_s, self._rng)
        wait_s = backoff_s if paused.wait_s is None else min(paused.wait_s, _MOST_HINTED_S)
        until = self._clock.monotonic() + wait_s
        for each in readings if paused.is_all else (one,):
            each.due_at = max(each.due_at, until)
        _log.warning("%s is not asked for %.0f s: %s", one.feed.name, wait_s, paused)
        self._hook.paused(one.feed.name, paused.cause)

    def _pause_s(self, readings: Sequence[Reading]) -> float:
        soonest = min((one.due_at for one in readings), default=0.0) - self._clock.monotonic()
        return min(max(soonest, 0.0), _IDLE_S)

    def _reading(self, feed: Feed, saved: Saved) -> Reading:
        since = self._terms.since or self._clock.now()
        cursor = saved.cursor or Cursor(feed.name, None, since)
        return Reading(feed, cursor, Seen.restored(self._terms.remembered, saved.slots))


def _detailed(feed: Feed, fresh: Sequence[Item]) -> Sequence[Item]:
    return feed.detailed(fresh) if fresh and isinstance(feed, DetailedFeed) else fresh
