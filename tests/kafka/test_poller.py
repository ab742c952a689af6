"""Pollers as processes on a real broker: killed, put to sleep, standing by, moved by an operator."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from common.codec import Decoder, LocalSchemas
from common.errors import FatalError
from common.event import OutRecord, PartitionId
from common.kafka.admin import TopicAdmin
from common.kafka.checkpoint_reader import committed_records
from common.kafka.clients import producer_config
from common.kafka.log_reader import LogReader
from common.kafka.transactions import TransactionalProducer
from common.metrics import samples
from tests.faults.processes import Worker, command
from tests.support.fixtures import Kafka
from tests.support.marketo import SandboxMarketo, sandbox_marketo
from tests.support.poll import eventually
from topics.catalogue import topics
from topics.plan import CreateTopic

TOPIC = "comms.engagement.v1"
CHECKPOINT = "comms.checkpoint.v1"


@pytest.fixture
def marketo() -> Iterator[SandboxMarketo]:
    """A subscription whose pages are short, so that a poller is always at work."""
    with sandbox_marketo(block=20, rate=100_000) as sandbox:
        sandbox.put("C-1", "C-2")
        yield sandbox


@pytest.fixture
def settings(kafka: Kafka, prefix: str, marketo: SandboxMarketo, tmp_path: Path) -> dict[str, str]:
    """A site with all topics, as one file."""
    made = [
        CreateTopic(prefix + name, min(topic.partitions, 4), 1, {"cleanup.policy": topic.cleanup_policy})
        for name, topic in topics().items()
    ]
    TopicAdmin({"bootstrap.servers": kafka.bootstrap}).apply(made, lambda _: None)
    site: dict[str, Any] = {
        "prefix": prefix,
        "kafka": {"bootstrap.servers": kafka.bootstrap, "session.timeout.ms": 6000},
        "topics": {"partitions": 4},
        "ingest": {
            "pollers": {
                "marketo": {
                    "base_url": marketo.url,
                    "client_id": "sandbox-client",
                    "client_secret": "sandbox-only-secret",
                    "munchkin_id": "123-ABC-456",
                    "customer_id_field": "customerNumber",
                    "interval_s": 1,
                    "requests_per_20_s": 100,
                    "requests_per_day": 1_000_000,
                }
            }
        },
    }
    file = tmp_path / "commfleet.yaml"
    file.write_text(json.dumps(site))
    return {"COMMFLEET_CONFIG": str(file)}


def poller(settings: Mapping[str, str], tmp_path: Path, name: str) -> Worker:
    """A process that is not started."""
    return Worker(["run", "poller", "marketo", "--since", "1h"], settings, tmp_path / f"{name}.log")


def clicks(marketo: SandboxMarketo, count: int) -> None:
    """So many mails are opened."""
    marketo.did(*({"type_id": 10, "customer": f"C-{number % 2 + 1}"} for number in range(count)))


def found(kafka: Kafka, prefix: str) -> Counter[str]:
    """How often each event is in the committed log."""
    decoder = Decoder(LocalSchemas())
    records = LogReader({"bootstrap.servers": kafka.bootstrap}).records(prefix + TOPIC)
    return Counter(str(decoder.decode(TOPIC, record.value)["event_id"]) for record in records)


def has(kafka: Kafka, prefix: str, count: int) -> bool:
    """Whether so many events are in the committed log."""
    return found(kafka, prefix).total() >= count


def is_active(worker: Worker) -> bool:
    """Whether it polls, by its metrics."""
    answer = worker.ask("metrics")
    return answer is not None and any(value == 1 for _, value in samples(answer.text, "commfleet_poller_active"))


def test_killed_at_any_moment_every_row_is_there_once(
    kafka: Kafka, prefix: str, marketo: SandboxMarketo, settings: dict[str, str], tmp_path: Path
) -> None:
    """kill -9 in the middle of pages, of transactions, of the start."""
    rng = random.Random(7)
    rows = 0
    for life in range(5):
        clicks(marketo, 300)
        rows += 300
        with poller(settings, tmp_path, f"life-{life}") as worker:
            eventually(partial(has, kafka, prefix, rows - rng.randint(50, 290)), 60, every_s=0.01)
            worker.kill()

    with poller(settings, tmp_path, "last"):
        eventually(lambda: len(found(kafka, prefix)) >= rows, 60, every_s=0.2)

    assert set(found(kafka, prefix).values()) == {1}
    assert len(found(kafka, prefix)) == rows


def test_a_standby_takes_over_and_the_sleeper_harms_nothing(
    kafka: Kafka, prefix: str, marketo: SandboxMarketo, settings: dict[str, str], tmp_path: Path
) -> None:
    """One polls; when it is put to sleep the other goes on; when it wakes, still only one of them polls."""
    with ExitStack() as stack:
        first = stack.enter_context(poller(settings, tmp_path, "first"))
        eventually(lambda: is_active(first), 60)
        second = stack.enter_context(poller(settings, tmp_path, "second"))
        second.wait_ready()
        workers = (first, second)
        eventually(lambda: sum(map(is_active, workers)) == 1, 30)
        active, standby = sorted(workers, key=is_active, reverse=True)
        clicks(marketo, 200)
        eventually(lambda: len(found(kafka, prefix)) == 200, 60, every_s=0.2)

        active.suspend()
        clicks(marketo, 200)
        eventually(lambda: is_active(standby), 60)
        eventually(lambda: len(found(kafka, prefix)) == 400, 60, every_s=0.2)
        active.resume()
        clicks(marketo, 200)
        eventually(lambda: len(found(kafka, prefix)) == 600, 60, every_s=0.2)
        eventually(lambda: sum(map(is_active, workers)) == 1, 60)
        clicks(marketo, 200)
        eventually(lambda: len(found(kafka, prefix)) == 800, 60, every_s=0.2)
    assert set(found(kafka, prefix).values()) == {1}


def test_a_sleeping_session_is_fenced(kafka: Kafka, prefix: str, settings: dict[str, str]) -> None:
    """Whoever starts the source's transactional id is the only one that moves its cursors."""
    plain: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap}
    sleeper, successor = (
        TransactionalProducer(producer_config(plain, transactional_id=f"{prefix}poller-marketo")) for _ in range(2)
    )
    cursor = [OutRecord(prefix + CHECKPOINT, b"marketo.changes", b"{}", (), 0)]
    with closing(sleeper), closing(successor):
        sleeper.start()
        sleeper.commit(cursor)
        successor.start()

        with pytest.raises(FatalError):
            sleeper.commit(cursor)

        successor.commit(cursor)


def test_an_operator_moves_a_cursor(
    kafka: Kafka, prefix: str, marketo: SandboxMarketo, settings: dict[str, str], tmp_path: Path
) -> None:
    """Set back, what is remembered is passed over; forgotten, it is published again under the same ids."""
    clicks(marketo, 30)
    with poller(settings, tmp_path, "first") as worker:
        eventually(lambda: len(found(kafka, prefix)) == 30, 60)
        worker.stop()
    feed = "marketo.activities-1"

    said = command(["cursors", "set", feed, "--since", "1h", "--forget", "--yes"], settings)

    assert "would be read on from" in said
    assert feed in command(["cursors", "list"], settings)
    with poller(settings, tmp_path, "second"):
        eventually(lambda: found(kafka, prefix).total() == 60, 60)
    assert set(found(kafka, prefix).values()) == {2}


def test_another_pollers_open_transaction_hides_nothing(kafka: Kafka, prefix: str, settings: dict[str, str]) -> None:
    """The reader waits for it: what stands behind it is ours, and committed."""
    plain: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap}
    ours, theirs = (
        TransactionalProducer(producer_config(plain, transactional_id=prefix + name, transaction_timeout_ms=2000))
        for name in ("ours", "theirs")
    )
    topic = prefix + CHECKPOINT
    with closing(ours), closing(theirs):
        theirs.start()
        theirs._producer.begin_transaction()
        theirs._producer.produce(topic, b"{}", b"theirs", partition=0)
        theirs._producer.flush(10)
        ours.commit([OutRecord(topic, b"ours", b"{}", (), 0)])

        keys = [record.key for record in committed_records(plain, PartitionId(topic, 0))]

    assert b"ours" in keys
    assert b"theirs" not in keys
