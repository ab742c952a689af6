"""What tests of the ingest path share: a door, its sources, and collaborators that remember."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp

from common.clock import SystemClock
from common.codec import Encoder, LocalSchemas
from common.errors import CommfleetError
from common.event import Position
from common.kafka.parcel import Confirmation
from common.kafka.producer import Outgoing
from topics.catalogue import topics
from workers.ingest.config import WebhookConfig
from workers.ingest.hooks import SignalOutcome
from workers.ingest.intake import Intake, Sender
from workers.ingest.letters import IngestLetters
from workers.ingest.webhook import create_app

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SECRET, TOKEN = "the-secret", "the-token"

SOURCES: dict[str, Any] = {
    "letters": {
        "kind": "exstream",
        "auth": {"kind": "hmac", "secrets": [SECRET]},
        "channels": {"FileOutputChannel": {"channel": "PRINT"}},
    },
    "upstream": {"kind": "canonical", "auth": {"kind": "bearer", "tokens": [TOKEN]}},
}


class FixedClock(SystemClock):
    """A wall clock that stands still at NOW."""

    def now(self) -> datetime:
        """NOW."""
        return NOW


class KeptRecords:
    """A producer that keeps records in memory, or fails each with an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.records: list[Outgoing] = []
        self.error = error

    async def send_all(self, records: Sequence[Outgoing]) -> list[Confirmation]:
        """Keep them; a named error is each one's confirmation."""
        return [self._confirmation(record) for record in records]

    def submit(self, record: Outgoing) -> "Future[Position]":
        """Keep it; a named error is in the future."""
        answer: Future[Position] = Future()
        try:
            answer.set_result(self._keep(record))
        except CommfleetError as error:
            answer.set_exception(error)
        return answer

    def _confirmation(self, record: Outgoing) -> Confirmation:
        try:
            return self._keep(record)
        except CommfleetError as error:
            return error

    def _keep(self, record: Outgoing) -> Position:
        if self.error:
            raise self.error
        self.records.append(record)
        return Position(record.topic, 0, len(self.records) - 1)


class Counted:
    """An ingest hook that remembers what it was told."""

    def __init__(self) -> None:
        self.signals: list[tuple[str, SignalOutcome]] = []
        self.acknowledgements: list[str] = []
        self.unknown_types: list[str] = []
        self.substitutes: list[str] = []

    def signal(self, source: str, outcome: SignalOutcome) -> None:
        """Remember."""
        self.signals.append((source, outcome))

    def acknowledged(self, source: str, seconds: float) -> None:
        """Remember."""
        self.acknowledgements.append(source)

    def unknown_type(self, source: str) -> None:
        """Remember."""
        self.unknown_types.append(source)

    def substitute(self, source: str) -> None:
        """Remember."""
        self.substitutes.append(source)


def intake(producer: Sender, prefix: str = "") -> Intake:
    """An intake with the committed schemas and topics."""
    return Intake(producer, Encoder(LocalSchemas()), topics(), prefix)


def webhook_config(sources: Mapping[str, Any] = SOURCES, **settings: Any) -> WebhookConfig:
    """Settings of a door with the two sources, unless told otherwise."""
    return WebhookConfig.model_validate({"sources": sources, "unready_s": 0, **settings})


def door(
    producer: Sender, config: WebhookConfig | None = None, hook: Counted | None = None, prefix: str = ""
) -> ASGIApp:
    """The app, at NOW."""
    letters = IngestLetters(prefix, "test")
    return create_app(config or webhook_config(), intake(producer, prefix), FixedClock(), hook or Counted(), letters)
