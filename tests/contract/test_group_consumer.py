"""The consumer of a group: what a listener may do inside `read`, and what an assignment begins anew."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, cast
from unittest.mock import Mock

import pytest
from confluent_kafka import Producer, TopicPartition

from common.event import PartitionId
from common.kafka.admin import TopicAdmin
from common.kafka.clients import consumer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.embedded import EmbeddedBroker
from tests.support.poll import eventually

LISTENER = """
import sys
from common.event import Commit, PartitionId
from common.kafka.consumer import GroupConsumer

class Asks:
    is_done = False

    def __init__(self, consumer):
        self.consumer = consumer

    def assigned(self, partitions):
        one = {PartitionId("t", 0)}
        self.consumer.committed(one)
        self.consumer.resolve(one, "end")
        self.consumer.group_metadata()
        self.consumer.assign({PartitionId("t", 0): 0})
        self.consumer.commit_now({PartitionId("t", 0): Commit(0, "")})
        self.was_told = len(told)
        self.is_done = True

    def committed(self, confirmed, failure): ...

told = []
consumer = GroupConsumer(
    {
        "bootstrap.servers": sys.argv[1], "group.id": "g", "enable.auto.commit": False,
        "statistics.interval.ms": 10, "stats_cb": told.append,
    },
    lambda _: None,
)
listener = Asks(consumer)
consumer.subscribe(["t"], listener)
while not listener.is_done:
    consumer.read(100, 6.0)  # the group takes three seconds to assign: the same read has as long for more callbacks
print("told on" if len(told) > listener.was_told else "not told")
"""


@pytest.mark.timeout(60)
def test_callbacks_go_on_after_a_listener_used_the_consumer() -> None:
    """In the same `read`: statistics every 10 ms are called back after the listener was."""
    with EmbeddedBroker() as broker:
        TopicAdmin({"bootstrap.servers": broker.bootstrap}).touch(["t"])
        done = subprocess.run(
            [sys.executable, "-c", LISTENER, broker.bootstrap], capture_output=True, text=True, timeout=50, check=False
        )
    assert (done.returncode, done.stdout.strip()) == (0, "told on"), done.stderr


class Leaving:
    """A client to which an assignment comes while it closes, as librdkafka's did (2.16)."""

    def __init__(self, config: Mapping[str, Any], logger: object) -> None:
        self.calls: list[str] = []

    def subscribe(self, topics: Sequence[str], on_assign: Callable[..., None], **_: object) -> None:
        """Nothing is assigned yet."""
        self._on_assign = on_assign

    def close(self) -> None:
        """One is, and nobody may ask anything about it."""
        self._on_assign(self, [TopicPartition("t", 0)])

    def unassign(self) -> None:
        """It is handed back."""
        self.calls.append("unassign")


def test_an_assignment_that_comes_while_it_closes_is_handed_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that asked where to begin would ask for a minute, and get no answer: the stop took that long."""
    monkeypatch.setattr("common.kafka.consumer.Consumer", Leaving)
    consumer, listener = GroupConsumer({}, lambda _: None), Mock()
    consumer.subscribe(["t"], listener)

    consumer.close()

    assert listener.method_calls == []
    assert cast(Leaving, consumer._consumer).calls == ["unassign"]


def test_what_was_paused_is_read_when_it_is_assigned_again(embedded: EmbeddedBroker, prefix: str) -> None:
    """A window was full when the partitions were taken away: the client would keep that pause for ever."""
    partition = PartitionId(f"{prefix}t", 0)
    producer = Producer({"bootstrap.servers": embedded.bootstrap})
    for number in range(10):
        producer.produce(partition.topic, b"%d" % number, partition=0)
    assert producer.flush(10) == 0
    consumer = GroupConsumer(
        consumer_config({"bootstrap.servers": embedded.bootstrap}, group_id=f"{prefix}g"), lambda _: None
    )

    def read(count: int) -> list[int]:
        found: list[int] = []

        def has_all() -> bool:
            found.extend(one.offset for one in consumer.read(count - len(found), 0.1))
            return len(found) == count

        eventually(has_all, 20)
        return found

    with closing(consumer):
        consumer.assign({partition: 0})
        first = read(3)
        consumer.pause(partition)
        consumer.unassign()
        consumer.assign({partition: 3})

        assert first + read(7) == list(range(10))
