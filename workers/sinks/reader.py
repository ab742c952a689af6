"""The reader: pages of records become deliveries, tracked; what is full or held is paused.

`pause` throws prefetched records away (measured), so a full window first stops the reading for up to
a second, which is usually enough for deliveries to catch up, and only then pauses its partition. Where there is
too little in hand to keep deliveries busy meanwhile, it is paused at once: the other partitions have more.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from common.clock import Clock
from common.errors import ReaderTooOldError, RegistryDownError
from common.event import PartitionId
from common.reasons import Cause, Reason
from workers.sinks.copies import Copies
from workers.sinks.delivery import Delivery, RecordLike
from workers.sinks.entrance import Entrance
from workers.sinks.headers import NO_FLOW, Origin
from workers.sinks.meter import Meter
from workers.sinks.planner import Late, Plan, Planner, Unusable
from workers.sinks.tails import is_marker
from workers.sinks.window import MOST_PARKED, PAGE_RECORDS, Partition, Window

log = logging.getLogger(__name__)

_PATIENCE_S = 1.0
_REGISTRY_RETRY_S = 5.0


class Pages(Protocol):
    """What reading needs of a consumer (common/kafka/consumer.py)."""

    def read(self, at_most: int, timeout_s: float, *, gathers: bool = False) -> Sequence[RecordLike]: ...
    def pause(self, partition: PartitionId) -> None: ...
    def resume(self, partition: PartitionId) -> None: ...
    def seek(self, partition: PartitionId, offset: int) -> None: ...


class Reader:
    """Reads for one runner. `windows` are the ones owned now."""

    def __init__(
        self, pages: Pages, planner: Planner, copies: Copies, windows: Callable[[], Mapping[PartitionId, Window]],
        entrance: Entrance, group: str, in_hand: int, clock: Clock, meter: Meter,
    ) -> None:  # fmt: skip
        """`in_hand` bounds the records of all windows together that are read and not settled."""
        self._in_hand = in_hand
        self._pages, self._planner, self._windows, self._entrance = pages, planner, windows, entrance
        self._copies = copies
        self._group, self._clock, self._meter = group, clock, meter
        self._touched: set[Window] = set()
        self._full_since: float | None = None
        self._read_beyond = 0

    def deliveries(self, timeout_s: float) -> Sequence[Delivery]:
        """The deliveries of the next page that are heads of their lanes."""
        at_most, wait_s = (PAGE_RECORDS, timeout_s) if self._may_read() else (self._beyond(), 0.0)
        if not at_most:
            return ()
        heads: list[Delivery] = []
        counts: Counter[str] = Counter()
        stamped: set[Window] = set()
        records = self._pages.read(at_most, wait_s, gathers=not self._planner.has_flows)
        windows = self._windows()  # after the read: partitions come and go in it
        for record in records:
            window = windows.get((record.topic, record.partition))  # type: ignore[call-overload]
            if window is None or window.hold or record.offset < window.progress.position:
                continue
            counts[record.topic] += 1
            if window not in stamped:
                stamped.add(window)
                window.stamp(record.offset, record.timestamp_ms)
            heads += self._admit(record, window)
        for topic, count in counts.items():
            self._meter.consumed(topic, count)
        return heads

    @property
    def is_waiting(self) -> bool:
        """Whether reading stands still until windows have room."""
        return self._full_since is not None

    @property
    def full(self) -> list[Window]:
        """The windows from which nothing more is read for lack of room."""
        return [window for window in self._touched if window.is_full]

    def spare(self, partitions: Iterable[Partition]) -> None:
        """Pause the event topics of partitions that have too many parked keys; what is parked is read on."""
        for partition in partitions:
            was_crowded = partition.is_crowded
            partition.count_parked()
            if partition.is_crowded and not was_crowded:
                log.warning("partition %s: %s keys are parked, no event is read", partition.number, MOST_PARKED)
        for window in self._windows().values():
            if self._is_spared(window) and not window.is_paused:
                self._pause(window)

    def forget(self) -> None:
        """Partitions were taken away; those that came back are not paused any more."""
        self._touched = {window for window in self._touched if window.partition.is_ours}
        self._full_since = None

    def _admit(self, record: RecordLike, window: Window) -> Sequence[Delivery]:
        progress = window.progress
        is_retry = record.topic == self._planner.retry_topic
        is_unused = not self._planner.is_used(record.topic) and not progress.named(record.offset)
        if is_unused or (is_retry and is_marker(record)):
            self._pass(record, window)
            return ()
        plan = self._plan(record, window, is_done=record.offset in progress.inherited.done)
        if plan is None:
            return ()
        self._touched.add(window)
        window.is_dirty = True
        return self._entrance.admit(record, window, plan)

    @staticmethod
    def _pass(record: RecordLike, window: Window) -> None:
        window.progress.track(record.offset, 0)
        window.is_dirty = True

    def _plan(self, record: RecordLike, window: Window, is_done: bool) -> Plan | Late | None:
        """None when the record must wait: its partition is held."""
        try:
            return self._passed(record) if is_done else self._planner.plan(record, window)
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

    def _passed(self, record: RecordLike) -> Sequence[Delivery]:
        """Nothing is left to do of it; a later record may be its copy."""
        self._copies.passed(record)
        return ()

    def _hold(self, record: RecordLike, window: Window, cause: Cause, retry_s: float | None, error: Exception) -> None:
        """Committing past this record would lose it: stop its partition here."""
        log.error("%s is held (%s) at %s: %s", window.id, cause, record.offset, error)
        window.hold, window.why = cause, str(error)
        window.retry_at = None if retry_s is None else self._clock.monotonic() + retry_s
        self._pause(window)
        self._pages.seek(window.id, record.offset)

    def _may_read(self) -> bool:
        now = self._clock.monotonic()
        self._resume(now)
        open_records = self._open_records()
        has_enough = open_records >= self._in_hand
        full = [window for window in self._touched if (has_enough or window.is_full) and not window.is_paused]
        if not full:
            self._full_since, self._read_beyond = None, 0
            return True
        if self._full_since is None:
            self._full_since = now
        if now - self._full_since < _PATIENCE_S and open_records * 2 > self._in_hand:
            return False
        for window in full:
            self._pause(window)
        self._full_since, self._read_beyond = None, 0
        return True

    def _beyond(self) -> int:
        """One record more where reading stands still, at most a page of them until it goes on.

        Only a read hands out what else the client knows: the end of a commit, which once-deliveries wait for.
        """
        self._read_beyond += 1
        return int(self._read_beyond <= PAGE_RECORDS)

    def _open_records(self) -> int:
        return sum(window.progress.open_records for window in self._touched)

    def _resume(self, now: float) -> None:
        has_room = self._open_records() * 2 <= self._in_hand
        for window in list(self._touched):
            if not window.is_paused:
                if window.progress.is_idle:
                    self._touched.discard(window)
            elif window.hold:
                if window.retry_at is not None and window.retry_at <= now:
                    window.go_on()
                    self._unpause(window)
            elif has_room and window.has_room and not self._is_spared(window):
                self._unpause(window)

    def _is_spared(self, window: Window) -> bool:
        return window.partition.is_crowded and window.id.topic != self._planner.retry_topic

    def _pause(self, window: Window) -> None:
        self._touched.add(window)
        if not window.is_paused:
            window.is_paused = True
            self._pages.pause(window.id)

    def _unpause(self, window: Window) -> None:
        window.is_paused = False
        self._pages.resume(window.id)
