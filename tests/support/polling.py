"""A poller of any source that a test drives by hand, and processes of it that die at any point."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.clock import Clock, SystemClock
from common.codec import Encoder, LocalSchemas
from common.event import OutRecord, PartitionId
from common.kafka.checkpoint_reader import committed_records
from common.kafka.clients import producer_config
from common.kafka.transactions import TransactionalProducer
from tests.support.marketo_poll import KeptLog
from topics.catalogue import topics
from workers.ingest.intake import Records
from workers.ingest.pollers.api import DetailedFeed, Feed, Item, Page, Position
from workers.ingest.pollers.cursor import TOPIC, Saved, saved
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.letters import PollLetters
from workers.ingest.pollers.session import Reading, Session, Terms, Transactions
from workers.ingest.pollers.step import Maker
from workers.poller_catalogue import Source


def maker(source: str, prefix: str = "") -> Maker:
    """Records of the committed schemas."""
    return Maker(Records(Encoder(LocalSchemas()), topics(), prefix), PollLetters(prefix, source, "w-1"))


class Polling:
    """One source's poller, with its log in memory."""

    def __init__(
        self, source: Source, since: datetime | None, log: KeptLog | None = None, clock: Clock | None = None
    ) -> None:
        self.source, self.log, self.clock = source, log if log is not None else KeptLog(), clock or SystemClock()
        self.budget = source.slice(lambda _: False)
        terms = Terms("", source.config.remembered_ids, source.config.max_backoff_s, since)
        self.session = Session(
            source.feeds(self.budget), self.log, self.log.kept, maker(source.name), self.budget, terms, self.clock,
            Unheard(),
        )  # fmt: skip
        self.readings: list[Reading] = []

    def look(self) -> "Polling":
        """Every feed once, from where it is to its end; whatever it waits for is over."""
        self.readings = self.readings or self.session.begin()
        for one in self.readings:
            one.due_at = 0.0
        for _ in range(200):
            if not self.session.turn(self.readings):
                return self
            paused = [one.feed.name for one in self.readings if one.failures]
            if paused:
                raise AssertionError(f"{paused} paused")
        raise AssertionError("no end of it")

    def close(self) -> None:
        """Let connections go."""
        self.source.close()


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Fate:
    """Whether to die here: at most so many times, by chance."""

    rng: random.Random
    lives: int = 6

    def strikes(self) -> None:
        """Die, perhaps."""
        if self.lives and self.rng.random() < 0.25:
            self.lives -= 1
            raise Crash


class Mortal:
    """Transactions whose process dies before, or after, they are committed."""

    def __init__(self, producer: Transactions, fate: Fate) -> None:
        self._producer, self._fate = producer, fate

    def start(self) -> None:
        """Start, and perhaps die."""
        self._producer.start()
        self._fate.strikes()

    def commit(self, records: Sequence[OutRecord]) -> None:
        """Perhaps die, commit, perhaps die."""
        self._fate.strikes()
        self._producer.commit(records)
        self._fate.strikes()


class MortalFeed:
    """A feed whose process dies before, or after, the source was asked; the source goes on meanwhile."""

    def __init__(self, feed: Feed, fate: Fate, world: Iterator[None]) -> None:
        self._feed, self._fate, self._world = feed, fate, world
        self.name, self.interval_s = feed.name, feed.interval_s

    def start(self, since: Any) -> Position:
        """As the feed does."""
        self._fate.strikes()
        return self._feed.start(since)

    def fetch(self, position: Position) -> Page:
        """As the feed does."""
        next(self._world, None)
        page = self._feed.fetch(position)
        self._fate.strikes()
        return page

    def detailed(self, items: Sequence[Item]) -> Sequence[Item]:
        """As the feed does, where it does."""
        self._fate.strikes()
        return self._feed.detailed(items) if isinstance(self._feed, DetailedFeed) else items

    def translate(self, item: Item, received_at: Any) -> Sequence[Any]:
        """As the feed does."""
        return self._feed.translate(item, received_at)


def live_once(
    source: Source, kafka: Mapping[str, Any], prefix: str, since: datetime, fate: Fate, world: Iterator[None]
) -> bool:
    """One process of a source's poller: until it dies, or until there is nothing more to read now."""
    name = f"{prefix}poller-{source.name}"
    producer = TransactionalProducer(producer_config(dict(kafka), transactional_id=name))
    budget = source.slice(lambda _: False)
    budget.spend = lambda: None  # type: ignore[method-assign]  # time is not what is tested here
    feeds = [MortalFeed(feed, fate, world) for feed in source.feeds(budget)]

    def kept() -> Mapping[str, Saved]:
        return saved(committed_records(dict(kafka), PartitionId(prefix + TOPIC, 0)))

    session = Session(
        feeds, Mortal(producer, fate), kept, maker(source.name, prefix), budget, Terms(prefix, 500, 1, since),
        SystemClock(), Unheard(),
    )  # fmt: skip
    with closing(source), closing(producer):
        try:
            readings = session.begin()
            while session.turn(readings):
                pass
        except Crash:
            return False
    return True
