"""One signal's way from parsed JSON to Kafka's acknowledgement, and what to answer for it."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from common.clock import Clock
from common.errors import (
    FatalError,
    InvalidEventError,
    RecordTooLargeError,
    RegistryDownError,
    UnconfirmedError,
)
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


class Admission:
    """Admits signals. Up to the hand-over to the producer nothing waits, so signals keep their order."""

    def __init__(self, intake: Intake, clock: Clock, hook: IngestHook) -> None:
        self._intake, self._clock, self._hook = intake, clock, hook

    async def admit(self, entrance: Entrance, signal: Any, trace_parent: str | None = None) -> Admitted:
        """Store the event of one signal; whatever happens is in the answer, and counted."""
        try:
            admitted = await self._admit(entrance, signal, trace_parent)
        except Exception as bug:
            # the sender cannot mend our faults: it is told to come back, and we say where to look
            log.error("a signal of %s met a bug: %s", entrance.source, whereabouts(bug))
            admitted = Admitted(SignalOutcome.BUG, None, [("", "the receiver failed: send it again later")])
        self._hook.signal(entrance.source, admitted.outcome)
        return admitted

    async def _admit(self, entrance: Entrance, signal: Any, trace_parent: str | None) -> Admitted:
        try:
            event = entrance.translate(signal, self._clock.now())
        except InvalidEventError as error:
            return Admitted(SignalOutcome.INVALID, None, error.errors)
        try:
            record = self._intake.record(event, trace_parent)
            await self._store(entrance.source, event, record)
        except InvalidEventError as error:
            return Admitted(SignalOutcome.INVALID, event.event_id, error.errors)
        except RecordTooLargeError as error:
            return Admitted(SignalOutcome.TOO_LARGE, event.event_id, [("", str(error))])
        except (UnconfirmedError, RegistryDownError, FatalError) as error:
            log.warning("event %s is not confirmed: %s", event.event_id, error)
            return Admitted(SignalOutcome.UNCONFIRMED, event.event_id, [("", _NOT_CONFIRMED)])
        return Admitted(SignalOutcome.STORED, event.event_id)

    async def _store(self, source: str, event: NewEvent, record: Outgoing) -> None:
        began = self._clock.monotonic()
        await self._intake.store(record)
        self._hook.acknowledged(source, self._clock.monotonic() - began)
        if event.is_unknown:
            self._hook.unknown_type(source)
        if event.is_substitute:
            self._hook.substitute(source)


def whereabouts(bug: Exception) -> str:
    """Type and place of a fault, innermost first; not its message, which may hold what a customer wrote."""
    frames = reversed(traceback.extract_tb(bug.__traceback__)[-8:])
    return " < ".join([type(bug).__name__, *(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in frames)])


_NOT_CONFIRMED = "not confirmed: it may or may not be stored; send it again, a repeat carries the same event_id"
"""Says nothing of brokers and addresses: those are for our log, not for a sender."""
