"""A poller that dies at any point: every row of the source in the committed log, once."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from common.clock import SystemClock
from common.event import OutRecord
from common.kafka.admin import TopicAdmin
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from tests.support.marketo import SandboxMarketo, sandbox_marketo
from tests.support.marketo_poll import SINCE, config, decoded
from tests.support.polling import Crash, Fate, live_once
from workers.ingest.pollers.cursor import TOPIC
from workers.ingest.pollers.marketo.source import MarketoSource

SEEDS = range(10)
ROWS = 30


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


def live(marketo: SandboxMarketo, embedded: EmbeddedBroker, prefix: str, fate: Fate, world: Iterator[None]) -> bool:
    """One process: until it dies, or until there is nothing more to read."""
    source = MarketoSource(config(marketo.url, requests_per_day=100_000), SystemClock())
    return live_once(source, {"bootstrap.servers": embedded.bootstrap}, prefix, SINCE, fate, world)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_is_committed_once(marketo: SandboxMarketo, embedded: EmbeddedBroker, prefix: str, seed: int) -> None:
    """Whatever the moment: before or after the fence, the fetch, the commit."""
    rng = random.Random(seed)
    marketo.clear()
    marketo.put("C-1", "C-2", "C-3")
    fate, world = Fate(rng), people_do(marketo, rng)
    TopicAdmin({"bootstrap.servers": embedded.bootstrap}).touch([prefix + TOPIC])

    while not live(marketo, embedded, prefix, fate, world):
        pass
    for _ in world:
        pass
    assert live(marketo, embedded, prefix, Fate(rng, lives=0), iter(()))

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
