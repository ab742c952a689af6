"""One partition read from its beginning to its end as it is now, whoever's transactions are open meanwhile."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from common.errors import BrokerDownError
from common.event import PartitionId
from common.kafka.admin import TopicAdmin
from common.kafka.consumer import Record
from common.kafka.log_reader import TopicUnreadableError
from common.kafka.trouble import GRANT, Trouble, is_denied

_PAGE_S = 0.1
_STALL_S = 40.0


def committed_records(config: Mapping[str, Any], partition: PartitionId) -> Iterator[Record]:
    """Every committed record before the end that the partition has when this is called, in offset order.

    A reader of committed records stops before the oldest open transaction of anybody: one that another poller has
    open would hide records of ours behind it. So the end is asked for without regard to transactions, and reading
    goes on until it is reached; a transaction is open for 10 s at most. `config` is a plain client's. Raises
    TopicUnreadableError when reading stalls or is not allowed.
    """
    try:
        _, end = TopicAdmin(config).bounds([partition])[partition]
    except BrokerDownError as error:
        raise TopicUnreadableError(str(error)) from error
    trouble = Trouble(config)
    consumer = Consumer(
        {
            **config,
            "group.id": "commfleet-tools",  # needed by the client, never joined
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,  # the end is told by a fetch that finds nothing
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "error_cb": trouble.hear,
        }
    )
    try:
        consumer.assign([TopicPartition(*partition, OFFSET_BEGINNING)])
        yield from _until(consumer, partition, end)
    except KafkaException as error:
        consumer.poll(0)  # the reasons are told there
        reason = f": {trouble.words}" if trouble.words else ""
        raise TopicUnreadableError(f"{partition} cannot be read: {error.args[0].str()}{reason}") from error
    finally:
        consumer.close()


def _until(consumer: Consumer, partition: PartitionId, end: int) -> Iterator[Record]:
    heard_at = time.monotonic()
    reached = 0
    while reached < end:
        for message in consumer.consume(500, _PAGE_S):
            error = message.error()
            if error is None:
                reached = (message.offset() or 0) + 1
                heard_at = time.monotonic()
                yield Record(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                reached = max(reached, message.offset() or 0)
            elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED and not error.retriable():
                advice = f"; {GRANT}" if is_denied(error) else ""
                raise TopicUnreadableError(f"{partition} cannot be read: {error.str()}{advice}")
        if time.monotonic() - heard_at > _STALL_S:
            raise TopicUnreadableError(f"{partition} cannot be read on to {end}: no answer in {_STALL_S:.0f} s")
