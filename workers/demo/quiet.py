"""Whether the fleet is quiet: every sink has settled what is in the log, and the store has applied it."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Self

from common.event import PartitionId
from common.kafka.clients import consumer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.embedded import PARTITIONS
from common.kafka.log_reader import LogReader
from common.store.database import Database
from common.store.opening import open_as_reader
from common.store.outbox import pending
from common.store.partitions import oldest_fresh_at
from common.store.timers import due_timers
from common.store.times import micros
from topics.catalogue import flow_topics, retry_topic
from workers.catalogue import configured_sinks
from workers.settings import Settings
from workers.sinks.slices import groups_of
from workers.store_command import store_settings


def is_through(database: Database, moment: datetime) -> bool:
    """Whether the store has applied what was written before a moment, and journeys have done what was due by then."""
    at, numbers = micros(moment), range(PARTITIONS)
    with database.reading() as connection:
        is_fresh = oldest_fresh_at(connection, PARTITIONS) >= at
        is_published = not any(pending(connection, one) for one in numbers)
        return is_fresh and is_published and not due_timers(connection, numbers, at)


class Quiet:
    """Asks broker and store; nothing is taken from what workers say of themselves."""

    def __init__(self, settings: Settings) -> None:
        kafka: dict[str, Any] = settings.kafka.client()
        self._prefix, self._log = settings.prefix, LogReader(kafka)
        self._database = open_as_reader(store_settings(settings))
        self._groups: dict[tuple[str, str], GroupConsumer] = {}
        for name, sink in configured_sinks(settings).items():
            with closing(sink):
                for group in groups_of(sink):
                    id_ = f"{settings.prefix}commfleet.{name}.{group}"
                    self._groups[name, group] = GroupConsumer(consumer_config(kafka, group_id=id_), lambda _: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for consumer in self._groups.values():
            consumer.close()
        self._database.close()

    def now(self) -> bool:
        """Whether everything has been settled and applied, and nothing came meanwhile."""
        asked_at, written = datetime.now(UTC), self._written()
        are_settled = all(self._is_settled(*group, written) for group in self._groups)
        return are_settled and self.knows(asked_at) and self._written() == written

    def knows(self, moment: datetime) -> bool:
        """Whether the store has applied everything that was written before a moment, and what was due is done."""
        return is_through(self._database, moment)

    def _written(self) -> dict[PartitionId, int]:
        """Behind the last record of each partition: markers of transactions, which nobody commits, do not count."""
        names = [*flow_topics(), *(retry_topic(*group) for group in self._groups)]
        found: dict[PartitionId, int] = {}
        for name in names:
            for record in self._log.records(self._prefix + name):
                found[PartitionId(record.topic, record.partition)] = record.offset + 1
        return found

    def _is_settled(self, sink: str, group: str, written: Mapping[PartitionId, int]) -> bool:
        own = {self._prefix + name for name in (*flow_topics(), retry_topic(sink, group))}
        wanted = {one: end for one, end in written.items() if one.topic in own}
        commits = self._groups[sink, group].committed(list(wanted))
        return all((commit := commits.get(one)) is not None and commit.offset >= end for one, end in wanted.items())
