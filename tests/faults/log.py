"""Both ends of the log: an upstream producer, and what stands there when everything is quiet.

Uses the client directly, as an upstream system would, not our own producer.
"""

import threading
from collections.abc import Iterable
from functools import partial

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from common.codec import Decoder, Encoder
from common.event_json import from_json
from common.schema_source import LocalSchemas
from tests.faults.events import TOPIC, Mark, event, mark_of
from topics.catalogue import topics

CONFIRM_S = 90
ANSWER_S = 10.0
QUIET = {"log_level": 2}  # an outage is part of the history, not news


class Upstream:
    """Produces events to TOPIC and remembers which were acknowledged by the broker."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._topic = prefix + TOPIC
        self._encoder = Encoder(LocalSchemas())
        self._lock = threading.Lock()
        self._acknowledged: list[Mark] = []
        self.refused: list[tuple[Mark, str]] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": CONFIRM_S * 1000,
                **QUIET,
            }
        )

    @property
    def acknowledged(self) -> list[Mark]:
        """What the broker has confirmed so far."""
        with self._lock:
            return list(self._acknowledged)

    def submit(self, marks: Iterable[Mark]) -> None:
        """Hand the events to the client; they are acknowledged later, or not."""
        for mark in marks:
            value = from_json(TOPIC, event(mark))
            self._producer.produce(
                self._topic,
                self._encoder.encode(TOPIC, value),
                topics()[TOPIC].key_of(value),
                on_delivery=partial(self._report, mark),
            )
            self._producer.poll(0)

    def finish(self) -> list[Mark]:
        """Wait until everything submitted is acknowledged, or refused for good; what is acknowledged."""
        left = self._producer.flush(CONFIRM_S)
        assert left == 0, f"{left} events neither acknowledged nor refused"
        return self.acknowledged

    def close(self) -> None:
        """Let the client go."""
        self._producer.close()

    def _report(self, mark: Mark, error: KafkaError | None, _: Message) -> None:
        with self._lock:
            if error is None:
                self._acknowledged.append(mark)
            else:
                self.refused.append((mark, error.str()))


def unsettled(bootstrap: str, prefix: str, group: str) -> int:
    """How many records of TOPIC the group has not committed past."""
    with Consumer({"bootstrap.servers": bootstrap, "group.id": group, **QUIET}) as consumer:
        partitions = _partitions(consumer, prefix + TOPIC)
        ends = [consumer.get_watermark_offsets(each, ANSWER_S)[1] for each in partitions]
        committed = consumer.committed(partitions, ANSWER_S)
        return sum(end - max(0, each.offset) for end, each in zip(ends, committed, strict=True))


def dead(bootstrap: str, topic: str) -> list[Mark]:
    """The events that stand as dead letters, aborted transactions left out."""
    decoder = Decoder(LocalSchemas())
    return [mark_of(decoder.decode(TOPIC, _value(letter))) for letter in _read(bootstrap, topic)]


def _read(bootstrap: str, topic: str) -> list[Message]:
    """Everything that stands on a topic now."""
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": "fault-harness-reader",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
    found: list[Message] = []
    with Consumer(settings) as consumer:
        partitions = _partitions(consumer, topic)
        consumer.assign([TopicPartition(each.topic, each.partition, 0) for each in partitions])
        open_ends = len(partitions)
        while open_ends:
            message = consumer.poll(ANSWER_S)
            assert message is not None, f"{topic} could not be read to its end"
            match message.error():
                case None:
                    found.append(message)
                case error if error.code() == KafkaError._PARTITION_EOF:
                    open_ends -= 1
                case error:
                    raise AssertionError(f"{topic}: {error}")
    return found


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    found = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
    return [TopicPartition(topic, number) for number in found.partitions]


def _value(message: Message) -> bytes:
    value = message.value()
    assert isinstance(value, bytes)
    return value
