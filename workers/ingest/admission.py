"""The way of a request's signals from parsed JSON to Kafka's acknowledgement, and what to answer for each."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from common.clock import Clock
from common.errors import CommfleetError, InvalidEventError, RecordTooLargeError, RegistryDownError
from common.event import Position
from common.kafka.parcel import Confirmation
from common.kafka.producer import Outgoing
from common.reasons import Reason
from workers.ingest.content import Unreadable, Unwrap
from workers.ingest.event_id import canonical_json
from workers.ingest.hooks import IngestHook, SignalOutcome
from workers.ingest.intake import Intake
from workers.ingest.letters import Bad, IngestLetters, Way
from workers.ingest.sources.api import NewEvent, Translate

log = logging.getLogger(__name__)


class ItemStatus(StrEnum):
    """What a sender reads about one signal."""

    STORED = "stored"
    KEPT = "kept"
    PASSED_OVER = "passed_over"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of one signal; `event_id` is None where none could be made."""

    outcome: SignalOutcome
    event_id: str | None = None
    errors: Sequence[tuple[str, str]] = ()

    @property
    def status(self) -> ItemStatus:
        """The outcome in the sender's words."""
        match self.outcome:
            case SignalOutcome.STORED:
                return ItemStatus.STORED
            case SignalOutcome.KEPT:
                return ItemStatus.KEPT
            case SignalOutcome.PASSED_OVER:
                return ItemStatus.PASSED_OVER
            case SignalOutcome.UNCONFIRMED | SignalOutcome.BUG:
                return ItemStatus.UNCONFIRMED
            case _:
                return ItemStatus.REFUSED


@dataclass(frozen=True, slots=True)
class Entrance:
    """A source that proved who it is, and how its signals are read; `keeps_bad` says what a bad one gets."""

    source: str
    translate: Translate
    keeps_bad: bool = False
    unwrap: Unwrap | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A signal that became records; a dead letter has no events, and its faults beside it."""

    records: Sequence[Outgoing]
    events: Sequence[NewEvent] = ()
    errors: Sequence[tuple[str, str]] = ()

    @property
    def event_id(self) -> str | None:
        """Of the first event, which the others go with."""
        return self.events[0].event_id if self.events else None


class Admission:
    """Admits the signals of a request together: they reach the log in their order, or not at all."""

    def __init__(self, intake: Intake, letters: IngestLetters, clock: Clock, hook: IngestHook) -> None:
        self._intake, self._letters, self._clock, self._hook = intake, letters, clock, hook

    async def admit(
        self, entrance: Entrance, signals: Sequence[Any], trace_parent: str | None = None
    ) -> Sequence[Admitted]:
        """Store the events of these signals; whatever happens to each is in its answer, and counted.

        A signal that could not be read is Unreadable, with the reason.
        """
        now = self._clock.now()
        prepared = [self._prepare(entrance, signal, now, trace_parent) for signal in signals]
        return await self._admit(entrance.source, prepared)

    async def keep(self, source: str, bad: Bad) -> Admitted:
        """Store a request that could not be taken apart as one dead letter."""
        return (await self._admit(source, [self._letter(bad, self._clock.now())]))[0]

    async def _admit(self, source: str, prepared: "Sequence[_Ready | Admitted]") -> Sequence[Admitted]:
        stored = iter(await self._store(source, [one for one in prepared if isinstance(one, _Ready)]))
        admitted = [one if isinstance(one, Admitted) else next(stored) for one in prepared]
        for one in admitted:
            self._hook.signal(source, one.outcome)
        return admitted

    def _prepare(self, entrance: Entrance, signal: Any, now: datetime, trace_parent: str | None) -> _Ready | Admitted:
        if isinstance(signal, Unreadable):
            return self._bad(entrance, signal, signal.errors, Reason.MALFORMED, now)
        event_id = None
        try:
            events = entrance.translate(signal, now)
            if not events:
                return Admitted(SignalOutcome.PASSED_OVER)
            event_id = events[0].event_id
            return _Ready([self._intake.record(event, trace_parent) for event in events], events)
        except InvalidEventError as error:
            return self._bad(entrance, signal, error.errors, Reason.INVALID_SIGNAL, now, event_id)
        except RecordTooLargeError as error:
            return self._bad(entrance, signal, [("", str(error))], Reason.OVERSIZED, now, event_id)
        except RegistryDownError as error:
            return _not_stored(event_id, error)
        except Exception as bug:
            told = _failed(entrance.source, event_id, bug)
            # a sender that repeats a whole batch would come back with our fault for days, and lose its neighbours
            return self._bad(entrance, signal, told.errors, Reason.BUG, now) if entrance.keeps_bad else told

    def _bad(
        self, entrance: Entrance, signal: Any, errors: Sequence[tuple[str, str]], reason: Reason, now: datetime,
        event_id: str | None = None,
    ) -> _Ready | Admitted:  # fmt: skip
        """What a bad signal gets from its source: a refusal, or a dead letter."""
        refused = SignalOutcome.TOO_LARGE if reason is Reason.OVERSIZED else SignalOutcome.INVALID
        raw = _raw(signal) if entrance.keeps_bad else None
        if raw is None:
            return Admitted(refused, event_id, errors)
        return self._letter(Bad(Way.WEBHOOK, entrance.source, raw, reason, errors), now)

    def _letter(self, bad: Bad, now: datetime) -> _Ready | Admitted:
        try:
            return _Ready([self._letters.letter(bad, now)], errors=bad.errors)
        except RecordTooLargeError as error:
            return Admitted(SignalOutcome.TOO_LARGE, None, [("", str(error))])

    async def _store(self, source: str, ready: Sequence[_Ready]) -> Sequence[Admitted]:
        if not ready:
            return []
        began = self._clock.monotonic()
        try:
            confirmations = iter(await self._intake.store([record for one in ready for record in one.records]))
        except Exception as bug:
            return [_failed(source, one.event_id, bug) for one in ready]
        seconds = self._clock.monotonic() - began
        return [self._ended(source, one, [next(confirmations) for _ in one.records], seconds) for one in ready]

    def _ended(self, source: str, one: _Ready, confirmations: Sequence[Confirmation], seconds: float) -> Admitted:
        """A signal is stored when all of its events are: of one that is not, the others come again with it."""
        failed = next((each for each in confirmations if not isinstance(each, Position)), None)
        if failed is not None:
            return _not_stored(one.event_id, failed)
        self._hook.acknowledged(source, seconds)
        if not one.events:
            return Admitted(SignalOutcome.KEPT, None, one.errors)
        if any(event.is_unknown for event in one.events):
            self._hook.unknown_type(source)
        if any(event.is_substitute for event in one.events):
            self._hook.substitute(source)
        return Admitted(SignalOutcome.STORED, one.event_id)


def _raw(signal: Any) -> bytes | None:
    """The bytes of a signal, as a parser reads them again; None for one that is nested too deeply to be written."""
    if isinstance(signal, Unreadable):
        return signal.raw
    try:
        return canonical_json(signal).encode()
    except InvalidEventError:
        return None


def _not_stored(event_id: str | None, error: CommfleetError) -> Admitted:
    if isinstance(error, RecordTooLargeError):
        return Admitted(SignalOutcome.TOO_LARGE, event_id, [("", str(error))])
    log.warning("event %s is not confirmed: %s", event_id, error)
    return Admitted(SignalOutcome.UNCONFIRMED, event_id, [("", _NOT_CONFIRMED)])


def _failed(source: str, event_id: str | None, bug: Exception) -> Admitted:
    # the sender cannot mend our faults: it is told to come back, and we say where to look
    log.error("a signal of %s met a bug: %s", source, whereabouts(bug))
    return Admitted(SignalOutcome.BUG, event_id, [("", "the receiver failed: send it again later")])


def whereabouts(bug: Exception) -> str:
    """Type and place of a fault, innermost first; not its message, which may hold what a customer wrote."""
    frames = reversed(traceback.extract_tb(bug.__traceback__)[-8:])
    return " < ".join([type(bug).__name__, *(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in frames)])


_NOT_CONFIRMED = "not confirmed: it may or may not be stored; send it again, a repeat carries the same event_id"
"""Says nothing of brokers and addresses: those are for our log, not for a sender."""
