"""A listener may use its consumer inside `read`: the client aborts the process where it may not."""

import subprocess
import sys

import pytest

from common.kafka.admin import TopicAdmin
from common.kafka.embedded import EmbeddedBroker

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
    consumer.read(100, 0.5)
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
