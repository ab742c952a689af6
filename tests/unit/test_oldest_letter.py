"""The age of the oldest open letter: what markers close, and what is deleted, is not open any more."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from common.errors import RegistryDownError
from common.event import Headers, Position
from tests.support.clock import ManualClock
from tests.support.poll import eventually
from workers.oldest_letter import OpenLetters, follow
from workers.sinks.headers import RESOLVES

TOPIC = "comms.dlq.braze.v1"


@dataclass
class Record:
    """A letter, or a marker."""

    partition: int
    offset: int
    timestamp_ms: int
    headers: Headers = ()
    topic: str = TOPIC
    key: bytes | None = b"k"
    value: bytes | None = b"v"

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.topic, self.partition, self.offset)


@dataclass
class Letters:
    """A topic in memory, of two partitions."""

    log: dict[int, list[Record]] = field(default_factory=lambda: {0: [], 1: []})
    low: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    read: int = 0
    failures: int = 0

    def add(self, partition: int, timestamp_ms: int, closes: int | None = None) -> None:
        """A letter; or a marker that closes the one at an offset."""
        headers = () if closes is None else ((RESOLVES, f"{partition}:{closes}".encode()),)
        self.log[partition].append(Record(partition, len(self.log[partition]), timestamp_ms, headers))

    def begins(self, topic: str) -> Mapping[int, int]:
        """Where the partitions begin."""
        if self.failures:
            self.failures -= 1
            raise RegistryDownError("no answer")
        assert topic == TOPIC
        return self.low

    def records(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Record]:
        """From these offsets on."""
        assert starts is not None
        for number, start in starts.items():
            for record in self.log[number][start:]:
                self.read += 1
                yield record


def test_the_oldest_open_letter_counts() -> None:
    """Of all partitions; without one there is none."""
    topic = Letters()
    letters = OpenLetters(topic, TOPIC)
    assert letters.oldest_ms() is None
    topic.add(0, 2_000)
    topic.add(1, 1_000)
    assert letters.oldest_ms() == 1_000


def test_a_marker_closes_its_letter() -> None:
    """The next one is the oldest then."""
    topic = Letters()
    letters = OpenLetters(topic, TOPIC)
    for at_ms in (1_000, 2_000):
        topic.add(0, at_ms)
    assert letters.oldest_ms() == 1_000
    topic.add(0, 9_000, closes=0)
    assert letters.oldest_ms() == 2_000


def test_what_was_deleted_is_not_open() -> None:
    """A redrive deletes letters and markers: nobody may have read those markers."""
    topic = Letters()
    letters = OpenLetters(topic, TOPIC)
    topic.add(0, 1_000)
    assert letters.oldest_ms() == 1_000
    topic.add(0, 9_000, closes=0)
    topic.low[0] = 2
    assert letters.oldest_ms() is None


def test_a_record_is_read_once() -> None:
    """A topic full of letters is not read again every minute."""
    topic = Letters()
    letters = OpenLetters(topic, TOPIC)
    for _ in range(5):
        topic.add(0, 1_000)
    letters.oldest_ms()
    topic.add(0, 2_000)
    letters.oldest_ms()
    assert topic.read == 6


def test_the_age_is_told_and_a_failure_is_not_an_age() -> None:
    """Until it can be read, nothing is told; it ends when the worker does."""
    topic, told, stop, clock = Letters(failures=1), list[float](), threading.Event(), ManualClock()
    topic.add(0, int(clock.now().timestamp() * 1000) - 90_000)

    def tell(seconds: float) -> None:
        told.append(seconds)
        stop.set()

    class Waits(threading.Event):
        """Does not wait."""

        def is_set(self) -> bool:
            """As the test says."""
            return stop.is_set()

        def wait(self, timeout: float | None = None) -> bool:
            """At once."""
            return stop.is_set()

    thread = threading.Thread(target=follow, args=(OpenLetters(topic, TOPIC), tell, clock, Waits()))
    thread.start()
    eventually(lambda: not thread.is_alive())
    assert told == [90.0]
