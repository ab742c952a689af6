"""The real broker of the tests themselves."""

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.broker import Broker
from tests.support.fixtures import Kafka


def _create(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    (created,) = admin.create_topics([NewTopic(topic, 3, 1)]).values()
    created.result(10)


def _produce(bootstrap: str, topic: str) -> list[int | None]:
    """The offset at which one record was stored in partition 0."""
    stored: list[int | None] = []
    with Producer({"bootstrap.servers": bootstrap, "acks": "all"}) as producer:
        producer.produce(topic, b"1", partition=0, on_delivery=lambda _, sent: stored.append(sent.offset()))
        producer.flush(30)
    return stored


def test_topics_have_the_partitions_asked_for(kafka: Kafka, prefix: str) -> None:
    """A real broker keeps a topic's own partition count, which the embedded one cannot."""
    _create(kafka.bootstrap, prefix + "topic")

    found = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(prefix + "topic", timeout=10)

    assert len(found.topics[prefix + "topic"].partitions) == 3


def test_a_killed_broker_comes_back_with_its_data(own_kafka: Broker) -> None:
    """Same address, same records: what the fault harness relies on."""
    _create(own_kafka.bootstrap, "topic")
    before, address = _produce(own_kafka.bootstrap, "topic"), own_kafka.bootstrap

    own_kafka.kill()
    own_kafka.start()

    assert own_kafka.bootstrap == address
    assert (before, _produce(own_kafka.bootstrap, "topic")) == ([0], [1])
