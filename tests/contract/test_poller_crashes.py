"""A poller that dies at any point: every row of the source in the committed log, once."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from common.clock import SystemClock
from common.event import OutRecord, PartitionId
from common.kafka.admin import TopicAdmin
from common.kafka.checkpoint_reader import committed_records
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.kafka.transactions import TransactionalProducer
from tests.support.marketo import SandboxMarketo, sandbox_marketo
from tests.support.marketo_poll import SINCE, config, decoded, maker
from workers.ingest.pollers.api import Feed, Item, Page, Position
from workers.ingest.pollers.cursor import TOPIC, Saved, saved
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.marketo.source import MarketoSource
from workers.ingest.pollers.session import Session, Terms

SEEDS = range(10)
ROWS = 30


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

    def __init__(self, producer: TransactionalProducer, fate: Fate) -> None:
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

    def translate(self, item: Item, received_at: Any) -> Sequence[Any]:
        """As the feed does."""
        return self._feed.translate(item, received_at)


@pytest.fixture(scope="module")
def marketo() -> Iterator[SandboxMarketo]:
    """A subscription whose pages are short."""
    with sandbox_marketo(block=7, rate=10_000) as sandbox:
        yield sandbox


def people_do(marketo: SandboxMarketo, rng: random.Random) -> Iterator[None]:
    """Rows appear while the log is paged, some of them behind the token."""
    left = ROWS
    while left:
        some = min(left, rng.randint(1, 5))
        marketo.did(*({"type_id": rng.choice((10, 11)), "customer": f"C-{rng.randint(1, 3)}"} for _ in range(some)))
        left -= some
        yield


def live_once(
    marketo: SandboxMarketo, embedded: EmbeddedBroker, prefix: str, fate: Fate, world: Iterator[None]
) -> bool:
    """One process: until it dies, or until there is nothing more to read."""
    kafka: dict[str, Any] = {"bootstrap.servers": embedded.bootstrap}
    source = MarketoSource(config(marketo.url, requests_per_day=100_000), SystemClock())
    producer = TransactionalProducer(producer_config(kafka, transactional_id=f"{prefix}poller-marketo"))
    budget = source.slice(lambda _: False)
    budget.spend = lambda: None  # type: ignore[method-assign]  # time is not what is tested here
    feeds = [MortalFeed(feed, fate, world) for feed in source.feeds(budget)]

    def kept() -> Mapping[str, Saved]:
        return saved(committed_records(kafka, PartitionId(prefix + TOPIC, 0)))

    session = Session(
        feeds, Mortal(producer, fate), kept, maker(prefix), budget, Terms(prefix, 500, 1, SINCE), SystemClock(),
        Unheard(),
    )  # fmt: skip
    with closing(source), closing(producer):
        try:
            readings = session.begin()
            while session.turn(readings):
                pass
        except Crash:
            return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_is_committed_once(marketo: SandboxMarketo, embedded: EmbeddedBroker, prefix: str, seed: int) -> None:
    """Whatever the moment: before or after the fence, the fetch, the commit."""
    rng = random.Random(seed)
    marketo.clear()
    marketo.put("C-1", "C-2", "C-3")
    fate, world = Fate(rng), people_do(marketo, rng)
    TopicAdmin({"bootstrap.servers": embedded.bootstrap}).touch([prefix + TOPIC])

    while not live_once(marketo, embedded, prefix, fate, world):
        pass
    for _ in world:
        pass
    assert live_once(marketo, embedded, prefix, Fate(rng, lives=0), iter(()))

    reader = LogReader({"bootstrap.servers": embedded.bootstrap})
    records = reader.records(f"{prefix}comms.engagement.v1")
    found = Counter(
        decoded(OutRecord("comms.engagement.v1", record.key, record.value, ()))["event_id"] for record in records
    )
    assert len(found) == ROWS
    assert set(found.values()) == {1}


def test_crashes_happen() -> None:
    """The chance is real: over all seeds, processes die at every kind of point."""
    struck = 0
    for seed in SEEDS:
        fate = Fate(random.Random(seed))
        for _ in range(40):
            try:
                fate.strikes()
            except Crash:
                struck += 1
    assert struck >= 50
