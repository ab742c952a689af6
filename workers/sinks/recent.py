"""Rebuilding what is known of duplicates: the ids of the last hour before a partition's start, read from the log.

A thread of its own with a consumer of its own reads; the runner's thread takes what was found, a chunk at a time,
and releases the once-deliveries of a partition when all of it is known. Repeatable ones never wait.
"""

import logging
import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, Full, Queue, SimpleQueue
from typing import Protocol

from common.backoff import full_jitter
from common.clock import Clock
from common.codec import Decoder
from common.errors import CommfleetError, ReaderTooOldError, UndecodableError
from common.event import PartitionId
from workers.sinks.delivery import RecordLike
from workers.sinks.duplicates import Duplicates, DuplicateWindow, Occurrence, digest_of

log = logging.getLogger(__name__)

_CHUNK = 1000
_CHUNKS_AHEAD = 8
_WAIT_S = 0.1
_CLOSE_S = 5.0  # a call to brokers that are away takes longer; the thread dies with the process
_BASE_S, _CAP_S = 0.5, 30.0


class Past(Protocol):
    """The log before an offset (common/kafka/past_reader.py)."""

    def records(
        self, ends: Mapping[PartitionId, int], window_ms: int, now_ms: int, is_over: Callable[[], bool]
    ) -> Iterator[RecordLike]:
        """The records of a window before each end; returns early when `is_over`."""
        ...


class EventIds:
    """Tells a record's event id: its `ce_id` header, else what its value says. For one thread."""

    def __init__(self, decoder: Decoder, prefix: str) -> None:
        self._decoder, self._cut = decoder, len(prefix)

    def __call__(self, record: RecordLike) -> str | None:
        """The id; None for a record that has none. Raises RegistryDownError."""
        if record.value is None:
            return None
        for name, value in record.headers:
            if name == "ce_id" and value:
                return value.decode(errors="replace")
        try:
            return str(self._decoder.decode(record.topic[self._cut :], record.value)["event_id"])
        except (UndecodableError, ReaderTooOldError):
            return None


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Partitions that were gained together, and where each topic's reading starts."""

    ends: Mapping[PartitionId, int]
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Found:
    job: _Job
    occurrences: list[Occurrence]


@dataclass(frozen=True, slots=True)
class _Done:
    job: _Job


class Recent:
    """Rebuilds for one runner. All but the reading itself is called from the runner's thread."""

    def __init__(
        self, past: Past, id_of: Callable[[RecordLike], str | None], topics: Collection[str], window: DuplicateWindow,
        clock: Clock, rng: random.Random,
    ) -> None:  # fmt: skip
        """`topics` are the event topics with a once-flow, as the broker names them."""
        self._past, self._id_of, self._topics = past, id_of, frozenset(topics)
        self._window_ms, self._clock, self._rng = int(window.seconds * 1000), clock, rng
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._found: Queue[_Found | _Done | BaseException] = Queue(_CHUNKS_AHEAD)
        self._wanted: dict[int, _Job] = {}
        self._rebuilt: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recent", daemon=True)
        self.trouble = ""
        """Why a rebuild does not come on; empty while all is well. It is tried again until it does."""

    def start(self) -> None:
        """Be ready for work."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading; what is not rebuilt stays so."""
        self._stop.set()
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    def gained(self, starts: Mapping[PartitionId, int]) -> None:
        """These partitions are new to us and will be read from these offsets: find what stands before them."""
        ends = {id_: offset for id_, offset in starts.items() if id_.topic in self._topics}
        job = _Job(ends, frozenset(id_.partition for id_ in starts))
        self._rebuilt -= job.numbers
        self._wanted.update(dict.fromkeys(job.numbers, job))
        if ends:
            self._jobs.put(job)
        else:
            self._finish(job)

    def lost(self, numbers: Collection[int]) -> None:
        """These are somebody else's."""
        for number in numbers:
            self._wanted.pop(number, None)
            self._rebuilt.discard(number)

    @property
    def is_rebuilding(self) -> bool:
        """Whether anything of ours is not rebuilt yet."""
        return bool(self._wanted)

    def is_rebuilt(self, number: int) -> bool:
        """Whether everything that can be known of a partition number's duplicates is known."""
        return number in self._rebuilt

    def collect(self, duplicates: Duplicates) -> Collection[int]:
        """Take what was found meanwhile, a bounded part of it; returns the numbers that are now rebuilt.

        Raises what ended the reading, when nobody had decided about it.
        """
        finished: set[int] = set()
        for _ in range(_CHUNKS_AHEAD):
            try:
                message = self._found.get_nowait()
            except Empty:
                break
            match message:
                case _Found(job, occurrences):
                    ours = {number for number in job.numbers if self._wanted.get(number) is job}
                    duplicates.remember_all(found for found in occurrences if found.id.partition in ours)
                case _Done(job):
                    finished |= self._finish(job)
                case error:
                    raise error
        return finished

    def _finish(self, job: _Job) -> set[int]:
        finished = {number for number in job.numbers if self._wanted.get(number) is job}
        for number in finished:
            del self._wanted[number]
        self._rebuilt |= finished
        return finished

    # -- its own thread -----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                self._rebuild(job)
        except BaseException as error:
            log.exception("rebuilding what is known of duplicates failed")
            self._put(error)

    def _rebuild(self, job: _Job) -> None:
        """Read until it is whole; what was handed over twice counts once."""
        attempt = 0
        while not self._is_over(job):
            try:
                self._read(job)
            except CommfleetError as error:
                attempt += 1
                self.trouble = f"duplicates of {len(job.numbers)} partitions cannot be told yet: {error}"
                log.warning("%s; once-deliveries there wait, tried again", self.trouble)
                self._stop.wait(full_jitter(attempt, _BASE_S, _CAP_S, self._rng))
            else:
                break
        self.trouble = ""

    def _read(self, job: _Job) -> None:
        now_ms = int(self._clock.now().timestamp() * 1000)
        chunk: list[Occurrence] = []
        for record in self._past.records(job.ends, self._window_ms, now_ms, lambda: self._is_over(job)):
            if (event_id := self._id_of(record)) is not None:
                id_ = PartitionId(record.topic, record.partition)
                chunk.append(Occurrence(digest_of(event_id), id_, record.offset, record.timestamp_ms))
            if len(chunk) >= _CHUNK:
                self._put(_Found(job, chunk))
                chunk = []
        if not self._is_over(job):
            self._put(_Found(job, chunk))
            self._put(_Done(job))

    def _put(self, message: _Found | _Done | BaseException) -> None:
        """Hand over, waiting for the runner's thread where it has much to take; nothing once we are closed."""
        while not self._stop.is_set():
            try:
                self._found.put(message, timeout=_WAIT_S)
            except Full:
                continue
            return

    def _is_over(self, job: _Job) -> bool:
        """Whether nobody needs it any more: we are closed, or all its partitions are somebody else's."""
        return self._stop.is_set() or not any(self._wanted.get(number) is job for number in job.numbers)
