"""What is new on a topic since the last look, read outside any group: for a worker that is told by a log of its own."""

from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from common.event import PartitionId
from common.kafka.consumer import Record
from common.kafka.log_reader import LogReader, TopicUnreadableError
from common.kafka.past_reader import offsets_at

_CALL_TIMEOUT_S = 10.0


class NewsReader:
    """Reads committed records of one topic. `config` is a plain client's (`KafkaSettings.client()`). One thread."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._config, self._topic, self._log = config, topic, LogReader(config)
        self._next: dict[int, int] = {}
        self._is_begun = False

    def records(self, since_ms: int) -> Iterator[Record]:
        """Everything that was committed since the last call; at the first, since a moment (epoch milliseconds).

        Raises TopicUnreadableError; what was given until then is not given again.
        """
        numbers = range(self._log.partition_count(self._topic))
        if not self._is_begun:
            self._next = self._first(numbers, since_ms)
            self._is_begun = True
        for number in numbers:
            self._next.setdefault(number, 0)  # a partition that was added meanwhile
        for record in self._log.records(self._topic, dict(self._next)):
            self._next[record.partition] = record.offset + 1
            if record.timestamp_ms >= since_ms:
                yield record

    def _first(self, numbers: range, since_ms: int) -> dict[int, int]:
        """A partition in which everything is older begins where it ended before that was asked."""
        consumer = Consumer({**self._config, "group.id": "commfleet-tools", "enable.auto.commit": False})
        asked = [PartitionId(self._topic, number) for number in numbers]
        try:
            ends = {id_: consumer.get_watermark_offsets(TopicPartition(*id_), _CALL_TIMEOUT_S)[1] for id_ in asked}
            found = {**ends, **offsets_at(consumer, dict.fromkeys(asked, since_ms))}
        except KafkaException as error:
            raise TopicUnreadableError(f"{self._topic} cannot be read: {error.args[0].str()}") from error
        finally:
            consumer.close()
        return {id_.partition: offset for id_, offset in found.items()}
