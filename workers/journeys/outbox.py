"""Derived events out of the outbox into Kafka: one Kafka transaction, then the rows are deleted."""

from collections.abc import Iterable

from common.codec import Encoder, from_json, headers_of
from common.event import OutRecord
from common.store.values import Outgoing


class Outbox:
    """Makes records of outgoing events: on the partition number of their owner, which is their customer's."""

    def __init__(self, encoder: Encoder, prefix: str) -> None:
        self._encoder, self._prefix = encoder, prefix

    def records(self, outgoing: Iterable[Outgoing]) -> list[OutRecord]:
        """In their order. Raises RegistryDownError, and InvalidEventError for a bug of ours."""
        return [self._record(one) for one in outgoing]

    def _record(self, one: Outgoing) -> OutRecord:
        topic = self._prefix + one.topic
        if one.value is None:
            return OutRecord(topic, one.key, None, (), one.partition)
        value = from_json(one.topic, one.value)
        payload = self._encoder.encode(one.topic, value)
        return OutRecord(topic, one.key, payload, tuple(headers_of(one.topic, value)), one.partition)
