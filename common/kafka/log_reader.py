"""A topic read from its beginning to where it ends now, outside any group: for tools, not for workers."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from common.errors import CommfleetError
from common.kafka.consumer import Record
from common.kafka.trouble import GRANT, Trouble, is_denied

_CALL_TIMEOUT_S = 10.0
_PAGE_S = 0.1
_STALL_S = 15.0


class TopicUnreadableError(CommfleetError):
    """The broker, or the topic, cannot be read now."""


class LogReader:
    """Reads committed records only. `config` is a plain client's (`KafkaSettings.client()`)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = {
            **config,
            "group.id": "commfleet-tools",  # needed by the client, never joined
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }

    def records(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Record]:
        """Every record of a topic, or of these partitions from these offsets, in offset order within each.

        Raises TopicUnreadableError when the topic does not exist or reading stalls.
        """
        trouble = Trouble(self._config)
        consumer = Consumer({**self._config, "error_cb": trouble.hear})
        try:
            begin = dict.fromkeys(self._partitions(consumer, topic), OFFSET_BEGINNING) if starts is None else starts
            consumer.assign([TopicPartition(topic, number, offset) for number, offset in begin.items()])
            yield from _until_ends(consumer, topic, set(begin))
        except KafkaException as error:
            consumer.poll(0)  # the reasons are told there
            reason = f": {trouble.words}" if trouble.words else ""
            raise TopicUnreadableError(f"{topic} cannot be read: {error.args[0].str()}{reason}") from error
        finally:
            consumer.close()

    def partition_count(self, topic: str) -> int:
        """How many partitions a topic has now. Raises TopicUnreadableError when nobody can tell."""
        consumer = Consumer(self._config)
        try:
            return len(self._partitions(consumer, topic))
        except KafkaException as error:
            raise TopicUnreadableError(f"{topic} cannot be looked at: {error.args[0].str()}") from error
        finally:
            consumer.close()

    def begins(self, topic: str) -> dict[int, int]:
        """The first offset of each partition. Raises TopicUnreadableError when nobody can tell."""
        consumer = Consumer(self._config)
        try:
            numbers = self._partitions(consumer, topic)
            found = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), _CALL_TIMEOUT_S) for n in numbers}
            return {number: int(bounds[0]) for number, bounds in found.items()}
        except KafkaException as error:
            raise TopicUnreadableError(f"{topic} cannot be looked at: {error.args[0].str()}") from error
        finally:
            consumer.close()

    @staticmethod
    def _partitions(consumer: Consumer, topic: str) -> list[int]:
        described = consumer.list_topics(topic, timeout=_CALL_TIMEOUT_S).topics[topic]
        if described.error is not None:
            advice = GRANT if is_denied(described.error) else "create it: `commfleet topics apply`"
            raise TopicUnreadableError(f"{topic} cannot be read: {described.error.str()}; {advice}")
        return sorted(described.partitions)


def _until_ends(consumer: Consumer, topic: str, unread: set[int]) -> Iterator[Record]:
    heard_at = time.monotonic()
    while unread:
        messages = consumer.consume(500, _PAGE_S)  # returns early only when it has all 500
        if messages:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > _STALL_S:
            raise TopicUnreadableError(f"{topic} cannot be read on: no answer in {_STALL_S:.0f} s")
        for message in messages:
            error = message.error()
            if error is None:
                yield Record(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition() or 0)
            elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                pass  # the client looks for a group's coordinator; we never join one
            elif not error.retriable():
                advice = f"; {GRANT}" if is_denied(error) else ""
                raise TopicUnreadableError(f"{topic} cannot be read: {error.str()}{advice}")
