"""Rows into Kafka: an event or a letter for each, confirmed before the place moves.

Rows are sent in chunks. When a record is not confirmed, it and everything behind it in the chunk are sent again, until
the broker answers or we are told to stop: nothing is skipped, and what is stored twice has the same id.
"""

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.backoff import full_jitter
from common.clock import Clock
from common.errors import InvalidEventError, RecordTooLargeError, RegistryDownError, UnconfirmedError
from common.event import Position
from common.kafka.producer import Outgoing
from common.reasons import Reason
from workers.ingest.files.identity import Identity
from workers.ingest.files.letters import FileLetters
from workers.ingest.files.rows import Row
from workers.ingest.files.tally import Tally
from workers.ingest.files.translate import Translation
from workers.ingest.letters import told
from workers.ingest.sources.api import NewEvent

_log = logging.getLogger(__name__)

_CHUNK_ROWS, _CHUNK_BYTES = 1000, 4 * 1024 * 1024
_BACKOFF_BASE_S, _BACKOFF_CAP_S = 0.5, 30.0

Stop = Callable[[float], bool]
"""Waits so many seconds, or until told to stop; whether told to stop."""


class Door(Protocol):
    """Makes records and sends them (workers/ingest/intake.py)."""

    def record(self, event: NewEvent) -> Outgoing:
        """Raises InvalidEventError, RecordTooLargeError, RegistryDownError."""
        ...

    def submit(self, record: Outgoing) -> "Future[Position]":
        """The future has the position or the error; may raise the error at once."""
        ...


@dataclass(slots=True)
class _Sent:
    """One row on its way: its record, and what is wrong with it where the record is a letter."""

    row: Row
    record: Outgoing
    event: NewEvent | None
    errors: str = ""


class Transfer:
    """Sends the rows of one file. Not to be used by two threads."""

    def __init__(
        self, door: Door, letters: FileLetters, translate: Translation, identity: Identity, clock: Clock, stop: Stop,
        rng: random.Random | None = None,
    ) -> None:  # fmt: skip
        self._door, self._letters, self._translate, self._identity = door, letters, translate, identity
        self._clock, self._stop, self._rng = clock, stop, rng or random.Random()
        self._why: Exception = UnconfirmedError("nothing was sent yet")
        self.is_stopped = False

    def send(self, rows: Iterable[Row], tally: Tally) -> Iterator[Sequence[Row]]:
        """Chunk by chunk; each is confirmed and counted when it is given. It ends early when told to stop.

        Raises UnreadableFileError of the rows, FatalError of the producer.
        """
        for chunk in _chunks(rows):
            made = self._made(chunk)
            if made is None or not self._stored(made):
                self.is_stopped = True
                return
            _count(made, tally)
            yield chunk
            if self._stop(0):
                self.is_stopped = True
                return

    def _made(self, chunk: Sequence[Row]) -> list[_Sent] | None:
        """The records of a chunk, None when told to stop while the registry is away."""
        failures = 0
        while True:
            try:
                return [self._one(row, self._clock.now()) for row in chunk]
            except RegistryDownError as error:
                failures += 1
                if self._is_told_to_stop(error, failures):
                    return None

    def _one(self, row: Row, now: datetime) -> _Sent:
        natural_id = self._identity.of(row.at)
        if row.columns is None:
            return self._letter(row, natural_id, Reason.INVALID_SIGNAL, row.errors, now)
        try:
            event = self._translate(row.columns, natural_id, now)
            return _Sent(row, self._door.record(event), event)
        except InvalidEventError as error:
            return self._letter(row, natural_id, Reason.INVALID_SIGNAL, error.errors, now)
        except RecordTooLargeError as error:
            return self._letter(row, natural_id, Reason.OVERSIZED, [("", str(error))], now)

    def _letter(
        self, row: Row, natural_id: str, reason: Reason, errors: Sequence[tuple[str, str]], now: datetime
    ) -> _Sent:
        return _Sent(row, self._letters.wrap(row, natural_id, reason, errors, now), None, told(errors))

    def _stored(self, made: list[_Sent]) -> bool:
        """Whether all of it is confirmed; False when told to stop before."""
        start = failures = 0
        while (done := self._try(made, start)) < len(made):
            failures = 1 if done > start else failures + 1
            start = done
            if self._is_told_to_stop(self._why, failures):
                return False
        return True

    def _try(self, made: list[_Sent], start: int) -> int:
        """Send everything from an index on; the index of the first that is not confirmed."""
        answers: list[Future[Position]] = []
        for one in made[start:]:
            try:
                answers.append(self._door.submit(one.record))
            except UnconfirmedError as error:
                self._why = error
                break
            except RecordTooLargeError as error:
                answers.append(_failed(error))
        confirmed = start
        is_gap = False
        for index, answer in enumerate(answers, start):
            is_gap |= not self._is_stored(made, index, answer)
            confirmed += not is_gap
        return confirmed

    def _is_stored(self, made: list[_Sent], index: int, answer: "Future[Position]") -> bool:
        try:
            answer.result()
        except UnconfirmedError as error:
            self._why = error
            return False
        except RecordTooLargeError as error:  # the broker's limit is below ours: a letter in its place, cut to fit
            self._why = error
            one, errors = made[index], [("", str(error))]
            is_letter = one.event is None
            row = self._letters.shortened(one.row) if is_letter else one.row
            made[index] = self._letter(row, self._identity.of(row.at), Reason.OVERSIZED, errors, self._clock.now())
            return False
        return True

    def _is_told_to_stop(self, why: Exception, failures: int) -> bool:
        wait_s = full_jitter(failures, _BACKOFF_BASE_S, _BACKOFF_CAP_S, self._rng)
        _log.warning("the file waits %.1f s: %s", wait_s, why)
        return self._stop(wait_s)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row.raw)
        if len(chunk) >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _count(made: Sequence[_Sent], tally: Tally) -> None:
    for one in made:
        if one.event is None:
            tally.note_bad(one.row.number, one.errors)
            continue
        tally.stored += 1
        tally.substitutes += one.event.is_substitute
        tally.unknown_types += one.event.is_unknown
    tally.after = made[-1].row.after


def _failed(error: Exception) -> "Future[Position]":
    answer: Future[Position] = Future()
    answer.set_exception(error)
    return answer
