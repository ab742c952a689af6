"""A Marketo poller against a served sandbox, and the log that it writes, on the embedded broker."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from common.clock import Clock, SystemClock
from common.codec import Decoder, Encoder, LocalSchemas
from common.event import OutRecord
from sandbox.marketo.options import DEFAULT_CLIENT, DEFAULT_SECRET
from topics.catalogue import topics
from workers.ingest.intake import Records
from workers.ingest.pollers.config import PollerConfig
from workers.ingest.pollers.cursor import TOPIC, Saved, saved
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.letters import PollLetters
from workers.ingest.pollers.marketo.config import MarketoPollerConfig
from workers.ingest.pollers.marketo.source import MarketoSource
from workers.ingest.pollers.session import Reading, Session, Terms, Transactions
from workers.ingest.pollers.step import Maker
from workers.poller_catalogue import Source

SINCE = datetime.now(UTC) - timedelta(hours=3)
INSTANCE = "123-ABC-456"


def config(base_url: str, **more: Any) -> MarketoPollerConfig:
    """Settings of a poller with short time-outs and a roomy slice."""
    settings: dict[str, Any] = {
        "client_id": DEFAULT_CLIENT,
        "client_secret": SecretStr(DEFAULT_SECRET),
        "munchkin_id": INSTANCE,
        "customer_id_field": "customerNumber",
        "profile": {"lifecycle_stage": "stage"},
        "read_timeout_s": 2.0,
        "requests_per_20_s": 100,
        "remembered_ids": 500,
        "interval_s": 600,
    }
    return MarketoPollerConfig(base_url=base_url, **(settings | more))


@dataclass
class KeptLog:
    """A transactional producer in memory: all or nothing; `records` are what is committed."""

    records: list[OutRecord] = field(default_factory=list)
    starts: int = 0

    def start(self) -> None:
        """Nobody to fence."""
        self.starts += 1

    def commit(self, records: Sequence[OutRecord]) -> None:
        """Keep them all."""
        self.records += records

    def kept(self) -> Mapping[str, Saved]:
        """What the checkpoint topic holds."""
        return saved(record for record in self.records if record.topic == TOPIC)

    def events(self) -> list[dict[str, Any]]:
        """Every event, in order, with its topic."""
        return [decoded(record) for record in self.records if record.topic not in (TOPIC, "comms.dlq.ingest.v1")]

    def letters(self) -> list[OutRecord]:
        """Every letter."""
        return [record for record in self.records if record.topic == "comms.dlq.ingest.v1"]


def decoded(record: OutRecord) -> dict[str, Any]:
    """An event's fields, and its topic."""
    return {"topic": record.topic, **Decoder(LocalSchemas()).decode(record.topic, record.value)}


def maker(prefix: str = "") -> Maker:
    """Records of the committed schemas."""
    return Maker(Records(Encoder(LocalSchemas()), topics(), prefix), PollLetters(prefix, "marketo", "w-1"))


class Polling:
    """A poller that a test drives by hand."""

    def __init__(
        self, settings: PollerConfig, log: KeptLog | None = None, clock: Clock | None = None,
        transactions: Transactions | None = None, since: datetime | None = SINCE,
        make: Callable[[Any, Clock], Source] = MarketoSource,
    ) -> None:  # fmt: skip
        """`make` puts the source together, Marketo unless another is named."""
        self.log = log if log is not None else KeptLog()
        self.clock = clock or SystemClock()
        self.source = make(settings, self.clock)
        self.budget = self.source.slice(lambda _: False)
        self.session = Session(
            self.source.feeds(self.budget), transactions or self.log, self.log.kept, maker(), self.budget,
            Terms("", settings.remembered_ids, settings.max_backoff_s, since), self.clock, Unheard(),
        )  # fmt: skip
        self.readings: list[Reading] = []

    def to_the_end(self, most: int = 200) -> "Polling":
        """Begin, and poll until every feed was read to its end."""
        self.readings = self.session.begin()
        for _ in range(most):
            if not self.session.turn(self.readings):
                return self
            for one in self.readings:
                if one.failures:
                    raise AssertionError(f"{one.feed.name} is paused")
        raise AssertionError("no end of it")

    def close(self) -> None:
        """Let connections go."""
        self.source.close()


def by_kind(events: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """How many events of each type."""
    return Counter(str(event["type"]) for event in events)


def ids(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Their ids."""
    return (str(event["event_id"]) for event in events)
