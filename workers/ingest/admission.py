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
from workers.ingest.hooks import IngestHook, SignalOutcome
from workers.ingest.intake import Intake
from workers.ingest.sources.api import NewEvent, Translate

log = logging.getLogger(__name__)


class ItemStatus(StrEnum):
    """What a sender reads about one signal."""

    STORED = "stored"
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
            case SignalOutcome.UNCONFIRMED | SignalOutcome.BUG:
                return ItemStatus.UNCONFIRMED
            case _:
                return ItemStatus.REFUSED


@dataclass(frozen=True, slots=True)
class Entrance:
    """A source that proved who it is, and how its signals are read."""

    source: str
    translate: Translate


@dataclass(frozen=True, slots=True)
class _Ready:
    """A signal that became a record."""

    event: NewEvent
    record: Outgoing


class Admission:
    """Admits the signals of a request together: they reach the log in their order, or not at all."""

    def __init__(self, intake: Intake, clock: Clock, hook: IngestHook) -> None:
        self._intake, self._clock, self._hook = intake, clock, hook

    async def admit(
        self, entrance: Entrance, signals: Sequence[Any], trace_parent: str | None = None
    ) -> Sequence[Admitted]:
        """Store the events of these signals; whatever happens to each is in its answer, and counted.

        A signal that could not be read is the InvalidEventError that says why.
        """
        now = self._clock.now()
        prepared = [self._prepare(entrance, signal, now, trace_parent) for signal in signals]
        stored = iter(await self._store(entrance.source, [one for one in prepared if isinstance(one, _Ready)]))
        admitted = [one if isinstance(one, Admitted) else next(stored) for one in prepared]
        for one in admitted:
            self._hook.signal(entrance.source, one.outcome)
        return admitted

    def _prepare(self, entrance: Entrance, signal: Any, now: datetime, trace_parent: str | None) -> _Ready | Admitted:
        event_id = None
        try:
            if isinstance(signal, InvalidEventError):
                return Admitted(SignalOutcome.INVALID, None, signal.errors)
            event = entrance.translate(signal, now)
            event_id = event.event_id
            return _Ready(event, self._intake.record(event, trace_parent))
        except InvalidEventError as error:
            return Admitted(SignalOutcome.INVALID, event_id, error.errors)
        except (RecordTooLargeError, RegistryDownError) as error:
            return _not_stored(event_id, error)
        except Exception as bug:
            return _failed(entrance.source, event_id, bug)

    async def _store(self, source: str, ready: Sequence[_Ready]) -> Sequence[Admitted]:
        if not ready:
            return []
        began = self._clock.monotonic()
        try:
            confirmations = await self._intake.store([one.record for one in ready])
        except Exception as bug:
            return [_failed(source, one.event.event_id, bug) for one in ready]
        seconds = self._clock.monotonic() - began
        return [self._ended(source, *pair, seconds) for pair in zip(ready, confirmations, strict=True)]

    def _ended(self, source: str, one: _Ready, confirmation: Confirmation, seconds: float) -> Admitted:
        if not isinstance(confirmation, Position):
            return _not_stored(one.event.event_id, confirmation)
        self._hook.acknowledged(source, seconds)
        if one.event.is_unknown:
            self._hook.unknown_type(source)
        if one.event.is_substitute:
            self._hook.substitute(source)
        return Admitted(SignalOutcome.STORED, one.event.event_id)


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
