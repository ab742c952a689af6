"""The reader: pages of records become deliveries, tracked; what is full or held is paused.

`pause` throws prefetched records away (measured), so a full window first stops the reading for up to
a second, which is usually enough for deliveries to catch up, and only then pauses its partition.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from common.clock import Clock
from common.errors import ReaderTooOldError, RegistryDownError
from common.event import PartitionId
from common.reasons import Cause, Reason
from workers.sinks.delivery import Delivery, RecordLike
from workers.sinks.headers import NO_FLOW, Origin
from workers.sinks.meter import Meter
from workers.sinks.planner import Planner, Unusable
from workers.sinks.window import Window

log = logging.getLogger(__name__)

_PAGE_RECORDS = 500
_PATIENCE_S = 1.0
_REGISTRY_RETRY_S = 5.0


class Pages(Protocol):
    """What reading needs of a consumer (common/kafka/consumer.py)."""

    def read(self, at_most: int, timeout_s: float) -> Sequence[RecordLike]: ...
    def pause(self, partition: PartitionId) -> None: ...
    def resume(self, partition: PartitionId) -> None: ...
    def seek(self, partition: PartitionId, offset: int) -> None: ...


class Reader:
    """Reads for one runner. `windows` are the ones owned now."""

    def __init__(
        self, pages: Pages, planner: Planner, windows: Callable[[], Mapping[PartitionId, Window]],
        on_unusable: Callable[[RecordLike, Unusable, Window], None], group: str, clock: Clock, meter: Meter,
    ) -> None:  # fmt: skip
        self._pages, self._planner, self._windows = pages, planner, windows
        self._on_unusable, self._group, self._clock, self._meter = on_unusable, group, clock, meter
        self._touched: set[Window] = set()
        self._full_since: float | None = None

    def deliveries(self, timeout_s: float) -> Iterator[Delivery]:
        """The deliveries of the next page that are heads of their lanes."""
        if not self._may_read():
            return
        counts: Counter[str] = Counter()
        stamped: set[Window] = set()
        for record in self._pages.read(_PAGE_RECORDS, timeout_s):
            window = self._windows().get((record.topic, record.partition))  # type: ignore[call-overload]
            if window is None or window.hold or record.offset < window.progress.position:
                continue
            counts[record.topic] += 1
            if window not in stamped:
                stamped.add(window)
                window.stamp(record.offset, record.timestamp_ms)
            yield from self._admit(record, window)
        for topic, count in counts.items():
            self._meter.consumed(topic, count)

    @property
    def is_waiting(self) -> bool:
        """Whether reading stands still until windows have room."""
        return self._full_since is not None

    def forget(self) -> None:
        """Partitions were taken away."""
        self._touched = set()
        self._full_since = None

    def _admit(self, record: RecordLike, window: Window) -> Iterator[Delivery]:
        if not self._planner.is_used(record.topic) or record.offset in window.done:
            window.track(record.offset, 0, 0)
            return
        plan = self._plan(record, window)
        if plan is None:
            return
        self._touched.add(window)
        if isinstance(plan, Unusable):
            window.track(record.offset, 1, len(record.value or b""))
            self._on_unusable(record, plan, window)
            return
        window.track(record.offset, len(plan), len(record.value or b""))
        lanes = window.partition.lanes
        for delivery in plan:
            if lanes.add(delivery.lane, delivery):
                yield delivery

    def _plan(self, record: RecordLike, window: Window) -> Sequence[Delivery] | Unusable | None:
        """None when the record must wait: its partition is held."""
        try:
            return self._planner.plan(record, window)
        except ReaderTooOldError as error:
            self._hold(record, window, Cause.READER_TOO_OLD, None, error)
            return None
        except RegistryDownError as error:
            self._hold(record, window, Cause.REGISTRY_DOWN, _REGISTRY_RETRY_S, error)
            return None
        except Exception:
            log.exception("a bug while planning %s: it becomes a dead letter", record.position)
            origin = Origin.of_record(self._group, NO_FLOW, record.position, record.timestamp_ms)
            return Unusable(origin, Reason.BUG, "our own code failed while reading this record: see the worker's log")

    def _hold(self, record: RecordLike, window: Window, cause: Cause, retry_s: float | None, error: Exception) -> None:
        """Committing past this record would lose it: stop its partition here."""
        log.error("%s is held (%s) at %s: %s", window.id, cause, record.offset, error)
        window.hold = cause
        window.retry_at = None if retry_s is None else self._clock.monotonic() + retry_s
        self._pause(window)
        self._pages.seek(window.id, record.offset)

    def _may_read(self) -> bool:
        now = self._clock.monotonic()
        self._resume(now)
        full = [window for window in self._touched if window.is_full and not window.is_paused]
        if not full:
            self._full_since = None
            return True
        if self._full_since is None:
            self._full_since = now
        if now - self._full_since < _PATIENCE_S:
            return False
        for window in full:
            self._pause(window)
        self._full_since = None
        return True

    def _resume(self, now: float) -> None:
        for window in list(self._touched):
            if not window.is_paused:
                if window.progress.is_idle:
                    self._touched.discard(window)
            elif window.hold:
                if window.retry_at is not None and window.retry_at <= now:
                    window.hold = window.retry_at = None
                    self._unpause(window)
            elif window.has_room:
                self._unpause(window)

    def _pause(self, window: Window) -> None:
        self._touched.add(window)
        if not window.is_paused:
            window.is_paused = True
            self._pages.pause(window.id)

    def _unpause(self, window: Window) -> None:
        window.is_paused = False
        self._pages.resume(window.id)
