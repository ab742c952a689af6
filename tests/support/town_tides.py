"""Whether a town is quiet: sinks have settled what is in the log, the store has applied it, and nothing came after."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient

from common.event import PartitionId
from common.kafka.embedded import PARTITIONS
from common.store.opening import open_as_reader
from tests.support.town_workers import Crew
from topics.catalogue import flow_topics, retry_topic
from workers.demo.quiet import is_through
from workers.settings import Settings
from workers.store_command import store_settings

_ANSWER_S = 5.0


class Tides:
    """Follows the log beside the workers, and asks broker and store how far they are."""

    def __init__(self, settings: Settings, crew: Crew) -> None:
        kafka: Any = dict(settings.kafka.client())
        self._admin, self._prefix, self._groups = AdminClient(kafka), settings.prefix, crew.groups
        self._database = open_as_reader(store_settings(settings))
        names = [*flow_topics(), *(retry_topic(sink, group) for sink, group in crew.groups)]
        self._all = [PartitionId(self._prefix + name, number) for name in names for number in range(PARTITIONS)]
        self._written: dict[PartitionId, int] = {}
        self._still: tuple[datetime, Mapping[PartitionId, int]] | None = None
        """What was written when it was last seen to change, and since when it has not."""
        own = {"group.id": "tides", "enable.auto.commit": False, "enable.partition.eof": True}
        self._log = Consumer({**kafka, **own, "auto.offset.reset": "earliest"})
        self._log.assign([TopicPartition(*one, 0) for one in self._all])

    def close(self) -> None:
        """Let connections go."""
        self._log.close()
        self._database.close()

    def are_out(self) -> bool:
        """Whether everything that there is has been settled and applied."""
        written = self._follow()
        if self._still is None or self._still[1] != written:
            self._still = datetime.now(UTC), written
            return False
        is_out = self._are_settled(written) and self.are_fresh_at(self._still[0]) and self._follow() == written
        self._still = None if is_out else self._still
        return is_out

    def are_fresh_at(self, moment: datetime) -> bool:
        """Whether the store has applied everything that was written before a moment, and what was due is done."""
        return is_through(self._database, moment)

    def _follow(self) -> Mapping[PartitionId, int]:
        """Behind the last record of each partition: markers of transactions, which nobody commits, do not count."""
        while (message := self._log.poll(0.05)) is not None:  # a tombstone is falsy
            at = PartitionId(message.topic() or "", message.partition() or 0)
            if (error := message.error()) is None:
                self._written[at] = (message.offset() or 0) + 1
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
        return dict(self._written)

    def _are_settled(self, written: Mapping[PartitionId, int]) -> bool:
        return all(self._is_settled(sink, group, written) for sink, group in self._groups)

    def _is_settled(self, sink: str, group: str, written: Mapping[PartitionId, int]) -> bool:
        own = {self._prefix + name for name in (*flow_topics(), retry_topic(sink, group))}
        wanted = [TopicPartition(*one) for one in written if one.topic in own]
        if not wanted:
            return True
        name = f"{self._prefix}commfleet.{sink}.{group}"
        answer = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name, wanted)])
        found = answer[name].result(_ANSWER_S).topic_partitions
        return all(one.offset >= written[PartitionId(one.topic, one.partition)] for one in found)
