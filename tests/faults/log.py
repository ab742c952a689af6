"""Both ends of the log: an upstream producer, and what stands there when everything is quiet.

Uses the client directly, as an upstream system would, not our own producer.
"""

import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its typing exports but the client
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from common.codec import Decoder, Encoder
from common.event_json import from_json
from common.kafka.admin import TopicAdmin
from common.schema_source import LocalSchemas
from tests.faults.events import Mark, event, known_name, mark_of
from tests.faults.story import Letter, Produced, Stored
from topics.catalogue import topics
from topics.plan import Advice, Environment, plan

CONFIRM_S = 90
ANSWER_S = 10.0
QUIET = {"log_level": 2}  # an outage is part of the history, not news


class Upstream:
    """Produces events and remembers which were acknowledged by the broker."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._encoder = Encoder(LocalSchemas())
        self._lock = threading.Lock()
        self._acknowledged: list[Produced] = []
        self.refused: list[tuple[Mark, str]] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": CONFIRM_S * 1000,
                "message.max.bytes": 2 * 1024 * 1024,
                **QUIET,
            }
        )

    @property
    def acknowledged(self) -> list[Produced]:
        """What the broker has confirmed so far."""
        with self._lock:
            return list(self._acknowledged)

    def submit(self, marks: Iterable[Mark], padding: str = "") -> None:
        """Hand the events to the client; they are acknowledged later, or not."""
        for mark in marks:
            value = from_json(mark.topic, event(mark, padding))
            self._producer.produce(
                self._prefix + mark.topic,
                self._encoder.encode(mark.topic, value),
                topics()[mark.topic].key_of(value),
                on_delivery=partial(self._report, mark),
            )
            self._producer.poll(0)

    def finish(self) -> list[Produced]:
        """Wait until everything submitted is acknowledged, or refused for good; what is acknowledged."""
        left = self._producer.flush(CONFIRM_S)
        assert left == 0, f"{left} events neither acknowledged nor refused"
        return self.acknowledged

    def close(self) -> None:
        """Let the client go."""
        self._producer.close()

    def _report(self, mark: Mark, error: KafkaError | None, message: Message) -> None:
        with self._lock:
            if error is None:
                self._acknowledged.append(Produced(mark, message.partition() or 0, message.offset() or 0))
            else:
                self.refused.append((mark, error.str()))


class Log:
    """What stands on a history's topics. `prefix` begins the names of topics and groups."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap, self.prefix = bootstrap, prefix
        self._decoder = Decoder(LocalSchemas())
        self._admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})

    def create(self, names: Iterable[str], partitions: int) -> None:
        """Make these topics as their files say, with so many partitions and one copy."""
        wanted = [topics()[name] for name in names]
        environment = Environment(self.prefix, 1, 1, partitions)
        steps = [step for step in plan(wanted, {}, environment) if not isinstance(step, Advice)]
        TopicAdmin({"bootstrap.servers": self._bootstrap}, timeout_s=60).apply(steps, lambda _: None)

    def delete(self, names: Iterable[str]) -> None:
        """Take topics away, so that many histories fit on one broker."""
        for future in self._admin.delete_topics([self.prefix + name for name in names]).values():
            future.exception(ANSWER_S)

    def refuse(self, topic: str, *, is_refused: bool) -> None:
        """Let a topic refuse every record, or take them again.

        By their size, and not all sizes: a broker that cannot even write the marker of an aborted
        transaction (78 bytes) never ends that transaction (observed on 4.1.1).
        """
        size = "150" if is_refused else topics()[topic].config["max.message.bytes"]
        entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, self.prefix + topic, incremental_configs=[entry])
        for future in self._admin.incremental_alter_configs([resource]).values():
            future.result(ANSWER_S)

    def forget_offsets(self, group: str) -> None:
        """What the broker does with a group that had no member for longer than offsets are kept."""
        for future in self._admin.delete_consumer_groups([self.prefix + group]).values():
            future.result(ANSWER_S)

    def stored(self, group: str, names: Iterable[str]) -> dict[tuple[str, int], Stored]:
        """What a group has committed, and where each partition ends; -1 where nothing was."""
        partitions = self._partitions(names)
        with self._consumer(group=self.prefix + group) as consumer:
            ends = [consumer.get_watermark_offsets(each, ANSWER_S)[1] for each in partitions]
            found = consumer.committed(partitions, ANSWER_S)
        return {
            (each.topic[len(self.prefix) :], each.partition): Stored(max(-1, each.offset), each.metadata or "", end)
            for end, each in zip(ends, found, strict=True)
        }

    def unread(self, group: str, topic: str) -> int:
        """Committed records of a topic that the group has not committed past; markers of transactions do not count."""
        stored = self.stored(group, [topic])
        return sum(
            (message.offset() or 0) >= stored[topic, message.partition() or 0].offset for message in self.read(topic)
        )

    def letters(self, topic: str) -> list[Letter]:
        """The dead letters that stand on a topic, the redriven among them; markers left out."""
        return [letter for message in self.read(topic) if (letter := self._letter(message)) is not None]

    def parked(self, topic: str, of: str) -> list[Mark]:
        """The events of topic `of` that stand on a retry topic, in order; start markers left out."""
        found = [message.value() for message in self.read(topic)]
        return [mark_of(of, self._decoder.decode(of, value)) for value in found if isinstance(value, bytes)]

    def values(self, topic: str) -> list[Mapping[str, object]]:
        """The decoded events of one of our own event topics."""
        return [self._decoder.decode(topic, _value(message)) for message in self.read(topic)]

    def read(self, topic: str) -> list[Message]:
        """Everything that stands on a topic now, read_committed."""
        settings: dict[str, Any] = {
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
        found: list[Message] = []
        with self._consumer(**settings) as consumer:
            partitions = self._partitions([topic])
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

    def _letter(self, message: Message) -> Letter | None:
        headers: dict[str, Any] = dict(message.headers() or [])
        if "dlq.delivery" not in headers:
            return None
        said = {name: value.decode() for name, value in headers.items() if name.startswith("dlq.")}
        topic = said["dlq.origin"].split("/")[0][len(self.prefix) :]
        mark = mark_of(topic, self._decoder.decode(topic, _value(message)))
        address = f"{message.partition()}:{message.offset()}"
        return Letter(mark, known_name(said["dlq.flow"]), said["dlq.reason"], said.get("dlq.worker", ""), address)

    def _partitions(self, names: Iterable[str]) -> list[TopicPartition]:
        known = self._admin.list_topics(timeout=ANSWER_S).topics
        return [
            TopicPartition(self.prefix + name, number)
            for name in names
            for number in known[self.prefix + name].partitions
        ]

    def _consumer(self, group: str = "fault-harness", **settings: Any) -> Consumer:
        return Consumer({"bootstrap.servers": self._bootstrap, "group.id": group, **QUIET, **settings})


def _value(message: Message) -> bytes:
    value = message.value()
    assert isinstance(value, bytes)
    return value
