"""Where partitions end now, asked of the broker in one request for all of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from common.errors import BrokerDownError
from common.event import PartitionId

_TIMEOUT_S = 10.0


class Ends:
    """Asks for the stable ends: everything before them is committed, open transactions begin after them."""

    def __init__(self, config: Mapping[str, Any], on_broker_state: Callable[[str | None], None]) -> None:
        """`on_broker_state` gets None at each answer: an idle consumer would not notice that the broker is back."""
        self._client, self._on_broker_state = AdminClient(dict(config)), on_broker_state

    def ask(self, partitions: Iterable[PartitionId]) -> dict[PartitionId, int]:
        """The offset that each partition's next record will get, at least. Raises BrokerDownError."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(*partition): latest for partition in partitions}
        if not wanted:
            return {}
        try:
            answers = self._client.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT_S
            )
            ends = {PartitionId(p.topic, p.partition): int(a.result().offset) for p, a in answers.items()}
        except KafkaException as error:
            raise BrokerDownError(
                f"the ends of {len(wanted)} partitions are not known: {error.args[0].str()}"
            ) from error
        self._on_broker_state(None)
        return ends
