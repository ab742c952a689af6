"""The embedded broker."""

import subprocess
import sys

import pytest
from confluent_kafka import Consumer, Producer

from common.errors import FatalError
from common.kafka.embedded import PARTITIONS, EmbeddedBroker

_ELSEWHERE = """
import sys
from confluent_kafka import Producer
with Producer({"bootstrap.servers": sys.argv[1]}) as producer:
    producer.produce("signals", b"from elsewhere")
    sys.exit(producer.flush(10))
"""


def test_another_process_reaches_it(embedded: EmbeddedBroker) -> None:
    """The demo's workers are processes of their own."""
    subprocess.run([sys.executable, "-c", _ELSEWHERE, embedded.bootstrap], check=True, timeout=30)

    settings = {"bootstrap.servers": embedded.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"}
    with Consumer(settings) as consumer:
        consumer.subscribe(["signals"])
        message = consumer.poll(15)

    assert message is not None
    assert message.value() == b"from elsewhere"


def test_every_topic_has_the_partitions_it_names(embedded: EmbeddedBroker) -> None:
    """PARTITIONS is what start-up checks compare with."""
    with Producer({"bootstrap.servers": embedded.bootstrap}) as producer:
        found = producer.list_topics("anything", timeout=10).topics["anything"]

    assert len(found.partitions) == PARTITIONS


def test_a_closed_one_has_no_address() -> None:
    """Nobody connects to a broker that is gone by mistake."""
    with EmbeddedBroker() as broker:
        assert broker.bootstrap.startswith("127.0.0.1:")

    with pytest.raises(FatalError, match=r"call start\(\)"):
        _ = broker.bootstrap
