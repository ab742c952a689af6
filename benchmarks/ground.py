"""The ground a benchmark stands on: a broker with our topics, and the same events for every run.

A real Apache Kafka where Java and Maven are present (or COMMFLEET_TEST_BOOTSTRAP names one), else the
embedded broker, where every run has topics of its own.
"""

import os
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.cores import STAGE, started_on
from benchmarks.events import TOPIC, Payload
from benchmarks.processes import COMMFLEET, BenchmarkError, environment, until
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from tests.support.broker import Broker
from tests.support.kafka_jars import KAFKA_VERSION, missing_tools

BOOTSTRAP_VARIABLE = "COMMFLEET_TEST_BOOTSTRAP"

_HEAP = ("-Xms3g", "-Xmx3g", "-Xmn2g", "-XX:+AlwaysPreTouch")
"""A broker with a small heap stands still for 40 ms three times a second (measured): not what is asked here."""

_ANSWER_S = 30.0
_COMMAND_S = 120.0


class Ground(Protocol):
    """A broker; `description` goes into the results' conditions."""

    bootstrap: str
    description: str

    def prefix(self) -> str:
        """The prefix of topics that hold all events and that no group of this prefix has read."""
        ...


class KafkaGround:
    """One set of topics on a real broker: what a run's group committed is removed before the next."""

    def __init__(self, bootstrap: str, description: str, events: Sequence[Payload], folder: Path) -> None:
        self.bootstrap, self.description = bootstrap, description
        self._prefix = f"bench{uuid.uuid4().hex[:8]}."
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
        _apply_topics(bootstrap, self._prefix, folder)
        _produce(bootstrap, self._prefix, events)

    def prefix(self) -> str:
        """The one prefix; groups of earlier runs are gone."""
        until(self._has_no_groups, _ANSWER_S, 0.1, lambda: f"no member is left in the groups of {self._prefix}")
        return self._prefix

    def remove(self) -> None:
        """Delete the topics: this broker may be somebody else's."""
        ours = [name for name in self._admin.list_topics(timeout=_ANSWER_S).topics if name.startswith(self._prefix)]
        for answer in self._admin.delete_topics(ours).values():
            answer.result(_ANSWER_S)

    def _has_no_groups(self) -> bool:
        listed = self._admin.list_consumer_groups(request_timeout=_ANSWER_S).result().valid
        ours = [group.group_id for group in listed if group.group_id.startswith(self._prefix)]
        if not ours:
            self._forget_starts()
            return True
        for answer in self._admin.delete_consumer_groups(ours).values():
            try:
                answer.result(_ANSWER_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.NON_EMPTY_GROUP:
                    raise
        return False

    def _forget_starts(self) -> None:
        """Delete the start markers: a group without offsets that has run before refuses to begin."""
        found = self._admin.list_topics(timeout=_ANSWER_S).topics
        names = [name for name in found if name.startswith(f"{self._prefix}comms.retry.")]
        every = [TopicPartition(name, number, OFFSET_END) for name in names for number in found[name].partitions]
        for answer in self._admin.delete_records(every).values():
            answer.result(_ANSWER_S)


class EmbeddedGround:
    """librdkafka's in-process broker: it cannot delete groups, so each run has its own prefix."""

    description = "embedded (librdkafka's mock cluster)"

    def __init__(self, bootstrap: str, events: Sequence[Payload]) -> None:
        self.bootstrap, self._events = bootstrap, events

    def prefix(self) -> str:
        """A fresh prefix, with all events under it."""
        prefix = f"bench{uuid.uuid4().hex[:8]}."
        _produce(self.bootstrap, prefix, self._events)
        return prefix


@contextmanager
def ground(events: Sequence[Payload], say: Callable[[str], None]) -> Iterator[Ground]:
    """The best broker that this machine has, with the events on it, until the end."""
    with tempfile.TemporaryDirectory(prefix="commfleet-bench-") as name:
        folder = Path(name)
        if address := os.environ.get(BOOTSTRAP_VARIABLE):
            given = KafkaGround(address, f"given by {BOOTSTRAP_VARIABLE}", events, folder)
            yield given
            given.remove()
        elif reason := missing_tools():
            say(f"on the embedded broker, not on Apache Kafka: {reason}")
            with started_on(STAGE), EmbeddedBroker() as embedded:
                yield EmbeddedGround(embedded.bootstrap, events)  # its threads are the conductor's own
        else:
            with ExitStack() as starting:
                starting.enter_context(started_on(STAGE))
                with Broker(folder / "kafka", heap=_HEAP) as broker:
                    starting.close()  # the broker keeps its cores, whoever is started next gets others
                    yield KafkaGround(broker.bootstrap, f"Apache Kafka {KAFKA_VERSION}, one node", events, folder)


def _apply_topics(bootstrap: str, prefix: str, folder: Path) -> None:
    config = folder / "topics.yaml"
    config.write_text(
        f"prefix: {prefix}\n"
        f"kafka: {{bootstrap.servers: '{bootstrap}'}}\n"
        "topics: {replication_factor: 1, min_insync_replicas: 1}\n"
    )
    command = [*COMMFLEET, "--config", str(config), "topics", "apply", "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False, env=environment())
    if done.returncode != 0:
        raise BenchmarkError(f"topics could not be made on {bootstrap}: {done.stderr[-600:]}")


def append(bootstrap: str, prefix: str, events: Iterable[Payload]) -> None:
    """Put events on their topic as they come, acknowledged when this returns; raises BenchmarkError."""
    producer = Producer(producer_config({"bootstrap.servers": bootstrap, "log_level": 3}))
    for event in events:
        while True:
            try:
                producer.produce(prefix + TOPIC, event.value, event.key)
                break
            except BufferError:
                producer.poll(0.1)
    if left := producer.flush(_COMMAND_S):
        raise BenchmarkError(f"{left} events were not acknowledged by {bootstrap}")


def _produce(bootstrap: str, prefix: str, events: Sequence[Payload]) -> None:
    """Put all events on their topic; BenchmarkError when it does not hold exactly them afterwards."""
    append(bootstrap, prefix, events)
    stored = _stored(bootstrap, prefix + TOPIC)
    if stored != len(events):
        raise BenchmarkError(f"{stored} of {len(events)} events are on the broker: fewer --events, or a real Kafka")


def _stored(bootstrap: str, topic: str) -> int:
    """How many records the topic's partitions hold (these are never compacted, nor in transactions)."""
    with Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"}) as consumer:
        partitions = consumer.list_topics(topic, timeout=_ANSWER_S).topics[topic].partitions
        bounds = [consumer.get_watermark_offsets(TopicPartition(topic, each), _ANSWER_S) for each in partitions]
    return sum(high - low for low, high in bounds)
