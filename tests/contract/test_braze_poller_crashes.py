"""A Braze poller that dies at any point, on a broker: every address and every approved version once."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
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
from tests.support.braze import SandboxBraze, sandbox_braze
from tests.support.braze_poll import SINCE, config
from tests.support.marketo_poll import decoded, maker
from tests.support.polling import Crash, Fate, Mortal, MortalFeed
from workers.ingest.pollers.braze.source import BrazeSource
from workers.ingest.pollers.cursor import TOPIC, Saved, saved
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.session import Session, Terms

ADDRESSES = 40
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def braze() -> Iterator[SandboxBraze]:
    """A workspace without campaigns."""
    with sandbox_braze(campaigns={}) as sandbox:
        yield sandbox


def people_leave(braze: SandboxBraze, rng: random.Random) -> Iterator[None]:
    """Addresses and blocks appear while the lists are read, some of them a day late."""
    for number in range(0, ADDRESSES, 4):
        at = NOW - timedelta(hours=rng.choice((1, 20)))
        out = [{"email": f"u{number + one}@example.com", "at": at.isoformat()} for one in range(4)]
        braze.put(unsubscribes=out)
        fields = {"content": f"<p>{number}</p>"}
        braze.put(content_blocks=[{"id": f"cb-{number}", "name": "n", "tags": ["approved"], "fields": fields}])
        yield


def live_once(braze: SandboxBraze, kafka: dict[str, Any], prefix: str, fate: Fate, world: Iterator[None]) -> bool:
    """One process: until it dies, or until there is nothing more to read."""
    clock = SystemClock()
    source = BrazeSource(config(braze.url, assets=("content_blocks",)), clock)
    producer = TransactionalProducer(producer_config(kafka, transactional_id=f"{prefix}poller-braze"))
    budget = source.slice(lambda _: False)
    feeds = [MortalFeed(feed, fate, world) for feed in source.feeds(budget)]

    def kept() -> Mapping[str, Saved]:
        return saved(committed_records(kafka, PartitionId(prefix + TOPIC, 0)))

    terms = Terms(prefix, 500, 1, SINCE)
    session = Session(feeds, Mortal(producer, fate), kept, maker(prefix), budget, terms, clock, Unheard())
    with closing(source), closing(producer):
        try:
            readings = session.begin()
            while session.turn(readings):
                pass
        except Crash:
            return False
    return True


@pytest.mark.parametrize("seed", range(4))
def test_everything_is_committed_once(braze: SandboxBraze, embedded: EmbeddedBroker, prefix: str, seed: int) -> None:
    """Whatever the moment: before or after the fence, the request, the commit."""
    rng, kafka = random.Random(seed), {"bootstrap.servers": embedded.bootstrap}
    braze.clear()
    fate, world = Fate(rng), people_leave(braze, rng)
    TopicAdmin(kafka).touch([prefix + TOPIC])

    while not live_once(braze, kafka, prefix, fate, world):
        pass
    for _ in world:
        pass
    assert live_once(braze, kafka, prefix, Fate(rng, lives=0), iter(()))

    reader = LogReader(kafka)
    found = {
        topic: Counter(
            decoded(OutRecord(topic, record.key, record.value, ()))["event_id"]
            for record in reader.records(f"{prefix}{topic}")
        )
        for topic in ("comms.preference.v1", "comms.content.v1")
    }
    assert {topic: len(ids) for topic, ids in found.items()} == {
        "comms.preference.v1": ADDRESSES,
        "comms.content.v1": ADDRESSES // 4,
    }
    assert {times for ids in found.values() for times in ids.values()} == {1}
