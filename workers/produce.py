"""`commfleet produce`: JSON lines in, validated Avro events out, errors with their line."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from common.clock import Clock
from common.errors import InvalidEventError, RecordTooLargeError, UnconfirmedError
from common.event import Position
from workers.ingest.intake import Intake
from workers.ingest.sources.canonical import CanonicalTranslation, check_topic
from workers.ingest.strict_json import parse
from workers.lines import LINE_MAX_BYTES

SOURCE = "produce"
"""The `source` of an event that names none."""

Answer = TypeVar("Answer")

_WINDOW = 500
"""Events on their way at once: enough to fill batches, few enough to name the lines in doubt."""


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with one line, counted from 1. `is_unconfirmed`: it may be stored all the same."""

    line: int
    errors: Sequence[tuple[str, str]]
    is_unconfirmed: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: " + "; ".join(f"{name}: {what}" if name else what for name, what in self.errors)


@dataclass(frozen=True, slots=True)
class Stored:
    """One line that is an event; `position` is None where it was only checked."""

    line: int
    event_id: str
    position: Position | None


def produce(
    lines: Iterable[bytes],
    topic: str,
    intake: Intake,
    clock: Clock,
    *,
    event_topics: Collection[str],
    check: bool = False,
    keep_going: bool = True,
) -> Iterator[Stored | LineError]:
    """What became of each line that is not blank, in their order; with `check` nothing is sent.

    A bad line does not stop the others, unless `keep_going` is false: then no line after it is begun, only those
    on their way end. Raises UnknownTopicError, ForbiddenTopicError, RegistryDownError,
    and FatalError when the producer is beyond repair.
    """
    check_topic(topic, event_topics)
    producing = _Producing(intake, clock, CanonicalTranslation(topic, SOURCE), check)
    for number, line in enumerate(lines, start=1):
        if line and not line.isspace():
            yield from producing.take(number, line)
        if producing.has_failed and not keep_going:
            break
    yield from producing.rest()


class _Producing:
    """The lines on their way; answers come in the order of the lines."""

    def __init__(self, intake: Intake, clock: Clock, translate: CanonicalTranslation, check: bool) -> None:
        self._intake, self._clock, self._translate, self._check = intake, clock, translate, check
        self._under_way: deque[_UnderWay | LineError] = deque()
        self.has_failed = False

    def take(self, number: int, line: bytes) -> Iterator[Stored | LineError]:
        """Start one line; yields the oldest answers when the window is full."""
        self._under_way.append(self._told(self._start(number, line)))
        while len(self._under_way) > _WINDOW:
            yield self._next()

    def rest(self) -> Iterator[Stored | LineError]:
        """The answers of every line that was taken."""
        while self._under_way:
            yield self._next()

    def _start(self, number: int, line: bytes) -> "_UnderWay | LineError":
        if len(line) > LINE_MAX_BYTES:
            return LineError(number, [("", f"is longer than {LINE_MAX_BYTES} bytes: an event a line, no array")])
        try:
            event = self._translate.event(parse(line), self._clock.now())
            record = self._intake.record(event)
            answer = None if self._check else self._intake.submit(record)
        except InvalidEventError as error:
            return LineError(number, error.errors)
        except RecordTooLargeError as error:
            return LineError(number, [("", str(error))])
        except UnconfirmedError as error:
            return LineError(number, [("", str(error))], is_unconfirmed=True)
        return _UnderWay(number, event.event_id, answer)

    def _next(self) -> Stored | LineError:
        oldest = self._under_way.popleft()
        return oldest if isinstance(oldest, LineError) else self._told(oldest.ended())

    def _told(self, answer: Answer) -> Answer:
        self.has_failed = self.has_failed or isinstance(answer, LineError)
        return answer


@dataclass(frozen=True, slots=True)
class _UnderWay:
    line: int
    event_id: str
    answer: Future[Position] | None

    def ended(self) -> Stored | LineError:
        """Wait for the answer; the producer ends each within its own time-out."""
        try:
            return Stored(self.line, self.event_id, self.answer.result() if self.answer else None)
        except RecordTooLargeError as error:
            return LineError(self.line, [("", str(error))])
        except UnconfirmedError as error:
            return LineError(self.line, [("", str(error))], is_unconfirmed=True)
