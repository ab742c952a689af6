"""Retry records: a parked key's deliveries on the group's retry topic, in the same partition number."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from common.event import OutRecord
from workers.sinks.delivery import Delivery, Doubt
from workers.sinks.headers import FOLLOWER, UNSURE, own_headers


class Retries:
    """Writes the retry records of one group of a sink."""

    def __init__(self, topic: str, group: str) -> None:
        """`topic` is the name on the broker; `group`, the consumer group, begins each delivery's name."""
        self._topic, self._group = topic, group

    def records(
        self, deliveries: Sequence[Delivery], state: str, not_before: datetime | None
    ) -> Iterator[tuple[OutRecord, Delivery]]:
        """A retry record for each delivery, in order; the first has `state` and waits until `not_before`.

        What stands behind it follows, and stays unsure where an earlier request may have acted. Key and value are
        untouched; `when` is not asked again when it comes back.
        """
        for index, delivery in enumerate(deliveries):
            origin = delivery.origin(self._group)
            behind = FOLLOWER if delivery.doubt is Doubt.NONE else UNSURE
            origin = origin.parked(behind, None) if index else origin.parked(state, not_before)
            headers = (*own_headers(delivery.record.headers), *origin.written("retry."))
            number = delivery.window.id.partition
            yield OutRecord(self._topic, delivery.record.key, delivery.record.value, headers, number), delivery
