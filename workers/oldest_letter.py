"""How long the oldest dead letter has been open: read from the topic, each time only what is new on it.

A letter is open until a marker on its own partition closes it, or it is deleted (workers/dead_letters.py). An open
letter takes about 150 bytes here.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from common.clock import Clock
from common.errors import CommfleetError
from workers.sinks.delivery import RecordLike
from workers.sinks.headers import RESOLVES

log = logging.getLogger(__name__)

INTERVAL_S = 60.0


class Topic(Protocol):
    """A topic read outside any group (common/kafka/log_reader.py)."""

    def records(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterable[RecordLike]: ...
    def begins(self, topic: str) -> Mapping[int, int]: ...


class OpenLetters:
    """The open letters of one topic."""

    def __init__(self, reader: Topic, topic: str) -> None:
        self._reader, self._topic = reader, topic
        self._next: dict[int, int] = {}
        self._written_ms: dict[tuple[int, int], int] = {}

    def oldest_ms(self) -> int | None:
        """When the oldest was written, epoch milliseconds; None without one. Raises CommfleetError when unreadable."""
        begins = self._reader.begins(self._topic)
        starts = {number: max(begin, self._next.get(number, 0)) for number, begin in begins.items()}
        for record in self._reader.records(self._topic, starts):
            self._note(record)
            self._next[record.partition] = record.offset + 1
        gone = [place for place in self._written_ms if place[1] < begins.get(place[0], 0)]
        for place in gone:
            del self._written_ms[place]
        return min(self._written_ms.values(), default=None)

    def _note(self, record: RecordLike) -> None:
        closed = dict(record.headers).get(RESOLVES)
        if closed is None:
            self._written_ms[record.partition, record.offset] = record.timestamp_ms
            return
        number, _, offset = closed.decode().partition(":")
        self._written_ms.pop((int(number), int(offset)), None)


def follow(letters: OpenLetters, tell: Callable[[float], None], clock: Clock, stop: threading.Event) -> None:
    """Tell the age of the oldest open letter, in seconds (0 without one), every minute until `stop`."""
    trouble = ""
    while not stop.is_set():
        try:
            oldest_ms = letters.oldest_ms()
        except CommfleetError as error:
            if str(error) != trouble:
                trouble = str(error)
                log.warning("the age of the oldest dead letter is not known: %s", trouble)
        else:
            trouble = ""
            tell(0.0 if oldest_ms is None else max(0.0, clock.now().timestamp() - oldest_ms / 1000))
        stop.wait(INTERVAL_S)
