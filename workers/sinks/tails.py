"""What stands on a retry topic before anything of it is read: parked keys, and start markers."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Protocol

from workers.sinks.delivery import RecordLike
from workers.sinks.headers import MARKER
from workers.sinks.window import Window


class Log(Protocol):
    """A topic read outside any group (common/kafka/log_reader.py)."""

    def records(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterable[RecordLike]: ...
    def partition_count(self, topic: str) -> int: ...


class Tails:
    """Scans a group's retry topic for keys and markers; bodies are not looked at."""

    def __init__(self, log: Log, topic: str, lane_of: Callable[[RecordLike], Hashable]) -> None:
        self._log, self._topic, self._lane_of = log, topic, lane_of

    def counts(self) -> Mapping[int, int]:
        """Partition number -> the partition count that its marker names; numbers without one are absent."""
        found = {}
        for record in self._log.records(self._topic):
            if (count := dict(record.headers).get(MARKER)) is not None:
                found[record.partition] = int(count)
        return found

    def partition_count(self) -> int:
        """How many partitions the topic has now."""
        return self._log.partition_count(self._topic)

    def park(self, windows: Collection[Window]) -> None:
        """Count the retry records that these windows' partitions have not read back, by lane.

        What follows on such a lane is parked, too, until its last retry record was read.
        """
        retries = {window.id.partition: window for window in windows if window.id.topic == self._topic}
        starts = {number: window.progress.position for number, window in retries.items()}
        if not starts:
            return
        for record in self._log.records(self._topic, starts):
            if not is_marker(record):
                retries[record.partition].partition.parked[self._lane_of(record)] += 1


def is_marker(record: RecordLike) -> bool:
    """Whether a record of a retry topic is a start marker, not a delivery."""
    return record.value is None and any(name == MARKER for name, _ in record.headers)
