"""The end of every ingest path: an event becomes a record in Kafka, acknowledged by all in-sync replicas."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from common.codec import Encoder, headers_of
from common.errors import RecordTooLargeError
from common.event import Position
from common.kafka.parcel import Confirmation
from common.kafka.producer import Outgoing
from topics.catalogue import Topic
from workers.ingest.sources.api import NewEvent

RECORD_MAX_BYTES = 1024 * 1024
"""Of a topic whose file says nothing: Kafka's own default is 1,048,588 with its framing."""

_FRAMING_BYTES = 1024
"""What a batch of one record adds at most: its header, lengths, and names of our headers' encoding."""

_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""A traceparent of W3C Trace Context §3.2."""


class Sender(Protocol):
    """A producer that confirms; `common.kafka.producer.ConfirmedProducer` is one."""

    async def send_all(self, records: Sequence[Outgoing]) -> Sequence[Confirmation]:
        """Send in this order and wait until all are stored; where each is, or the error of it."""
        ...

    def submit(self, record: Outgoing) -> "Future[Position]":
        """Send; the future has the position or the error."""
        ...


class Nobody:
    """Stands where a producer would; a caller that makes records only, and sends by it, has a bug."""

    async def send_all(self, _: Any) -> Any:
        """Refuse."""
        raise AssertionError("nothing is to be sent from here")

    def submit(self, _: Any) -> Any:
        """Refuse."""
        raise AssertionError("nothing is to be sent from here")


class Records:
    """Event → key → Avro → record. `topics` describes every topic, by its logical name."""

    def __init__(self, encoder: Encoder, topics: Mapping[str, Topic], prefix: str = "") -> None:
        self._encoder, self._topics, self._prefix = encoder, topics, prefix
        self._limits = {
            name: int(topic.config.get("max.message.bytes", RECORD_MAX_BYTES)) - _FRAMING_BYTES
            for name, topic in topics.items()
        }

    def record(self, event: NewEvent, trace_parent: str | None = None) -> Outgoing:
        """The record of an event, with the key that its topic file prescribes.

        Raises InvalidEventError when the event does not fit its schema, RecordTooLargeError when the topic
        would refuse it, and RegistryDownError.
        """
        topic = self._topics[event.topic]
        encode = self._encoder.encode_checked if event.is_checked else self._encoder.encode
        value = encode(event.topic, event.value)
        trace = trace_parent if trace_parent and _TRACE.fullmatch(trace_parent) else None
        headers = headers_of(event.topic, event.value, trace)
        key = topic.key_of(event.value)
        record = Outgoing(self._prefix + event.topic, key, value, tuple(headers))
        self._check_size(topic, record)
        return record

    def _check_size(self, topic: Topic, record: Outgoing) -> None:
        limit = self._limits[topic.name]
        if record.size > limit:
            raise RecordTooLargeError(
                f"the event has {record.size} bytes as a record, {topic.name} takes {limit}: send less in it"
            )


class Intake(Records):
    """Records, and the producer that confirms them."""

    def __init__(self, producer: Sender, encoder: Encoder, topics: Mapping[str, Topic], prefix: str = "") -> None:
        super().__init__(encoder, topics, prefix)
        self._producer = producer

    async def store(self, records: Sequence[Outgoing]) -> Sequence[Confirmation]:
        """Where each is stored, once every in-sync replica has it, or the error of it.

        UnconfirmedError where nobody can tell, or nothing was sent because Kafka is away.
        """
        return await self._producer.send_all(records)

    def submit(self, record: Outgoing) -> "Future[Position]":
        """`store` of one record for plain code: the future has the position or the error."""
        return self._producer.submit(record)
