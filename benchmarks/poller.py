"""How many items a poller publishes: Marketo's log over real HTTP, one transaction a page.

The sandbox Marketo serves pages of 300 rows from a process of its own; the poller runs here as it would in a worker:
session, look-ups of leads, mapping, encoding, transactions. Beside it the same rows read and thrown away: what the
source takes.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from pydantic import SecretStr

from benchmarks.cores import description
from benchmarks.ground import Ground, ground
from benchmarks.options import Options, here
from benchmarks.results import Condition, Row
from common.clock import SystemClock
from common.codec import Encoder, LocalSchemas
from common.event import PartitionId
from common.kafka.admin import TopicAdmin
from common.kafka.checkpoint_reader import committed_records
from common.kafka.clients import producer_config
from common.kafka.transactions import TransactionalProducer
from topics.catalogue import topics
from topics.plan import CreateTopic
from workers.demo.process import Process
from workers.ingest.intake import Records
from workers.ingest.pollers.cursor import TOPIC, Saved, saved
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.letters import PollLetters
from workers.ingest.pollers.marketo.config import MarketoPollerConfig
from workers.ingest.pollers.marketo.source import MarketoSource
from workers.ingest.pollers.session import Session, Terms
from workers.ingest.pollers.step import Maker

ITEMS, LEADS, POSTED = 30_000, 1_000, 3_000
_SANDBOX = ("sandbox", "marketo", "--port", "0")


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Items a second of one poller, against reading the same pages and nothing more."""
    with ground([], say) as stage, _marketo(say) as url:
        seconds = [_poll(stage, url) for _ in range(options.runs)]
        reading = median(_read_only(url) for _ in range(options.runs))
        conditions: dict[str, Condition] = {
            **here(),
            "reference": "the same pages read from the sandbox and thrown away",
            "items": ITEMS,
            "items_a_page": 300,
            "leads": LEADS,
            "runs": [round(ITEMS / one) for one in seconds],
            "broker": stage.description,
            "cores": description(),
        }
        yield Row("poller.items", ITEMS / median(seconds), "items/s", ITEMS / reading, conditions)


@contextmanager
def _marketo(say: Callable[[str], None]) -> Iterator[str]:
    """A sandbox with the log that is read."""
    with tempfile.TemporaryDirectory() as folder:
        process = Process("marketo", _SANDBOX, Path(folder))
        try:
            url = process.announced()
            say(f"{ITEMS} rows of {LEADS} leads are written")
            with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
                _fill(http)
            yield url
        finally:
            process.stop()


def _fill(http: httpx.Client) -> None:
    http.post("/_sandbox/quotas", json={"rate": {"limit": 1_000_000, "window_s": 20}}).raise_for_status()
    http.post("/_sandbox/quotas", json={"daily": {"limit": 10_000_000, "window_s": 20}}).raise_for_status()
    rows = [{"type_id": 10, "lead": 1 + number % LEADS, "primary": "Newsletter"} for number in range(ITEMS)]
    for start in range(0, ITEMS, POSTED):
        http.post("/_sandbox/activities", json=rows[start : start + POSTED]).raise_for_status()


def _settings(url: str) -> MarketoPollerConfig:
    return MarketoPollerConfig(
        base_url=url, client_id="sandbox-client", client_secret=SecretStr("sandbox-only-secret"),
        munchkin_id="123-ABC-456", customer_id_field="customerNumber", interval_s=86_400,
        requests_per_20_s=100, requests_per_day=1_000_000,
    )  # fmt: skip


def _poll(stage: Ground, url: str) -> float:
    """Seconds from the fence to the last page."""
    prefix = f"{stage.prefix()}{time.monotonic_ns()}."
    kafka: Mapping[str, Any] = {"bootstrap.servers": stage.bootstrap}
    _make_topics(kafka, prefix)
    clock, since = SystemClock(), datetime.now(UTC) - timedelta(days=1)
    producer = TransactionalProducer(producer_config(kafka, transactional_id=f"{prefix}poller-marketo"))

    def kept() -> Mapping[str, Saved]:
        return saved(committed_records(kafka, PartitionId(prefix + TOPIC, 0)))

    with closing(MarketoSource(_settings(url), clock)) as source, closing(producer):
        budget = source.slice(lambda _: False)
        budget.spend = lambda: None  # type: ignore[method-assign]  # not the vendor's limit is measured
        maker = Maker(Records(Encoder(LocalSchemas()), topics(), prefix), PollLetters(prefix, "marketo", "bench"))
        session = Session(
            source.feeds(budget), producer, kept, maker, budget, Terms(prefix, 100_000, 300, since), clock, Unheard()
        )
        began = time.monotonic()
        readings = session.begin()
        while session.turn(readings):
            pass
        return time.monotonic() - began


def _make_topics(kafka: Mapping[str, Any], prefix: str) -> None:
    admin = TopicAdmin(kafka)
    if admin.cluster().is_embedded:
        admin.touch(prefix + name for name in topics())
        return
    steps = [CreateTopic(prefix + name, min(topic.partitions, 12), 1, {}) for name, topic in topics().items()]
    admin.apply(steps, lambda _: None)


def _read_only(url: str) -> float:
    source = MarketoSource(_settings(url), SystemClock())
    with closing(source):
        budget = source.slice(lambda _: False)
        budget.spend = lambda: None  # type: ignore[method-assign]
        feed = source.feeds(budget)[0]
        began = time.monotonic()
        position = feed.start(datetime.now(UTC) - timedelta(days=1))
        while not (page := feed.fetch(position)).is_last:
            position = page.position
        return time.monotonic() - began
