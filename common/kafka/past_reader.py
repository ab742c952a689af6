"""What partitions held in the time before an offset, read outside any group: for rebuilding what a worker knew."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from common.event import PartitionId
from common.kafka.consumer import Record
from common.kafka.log_reader import TopicUnreadableError
from common.kafka.trouble import GRANT, Trouble, is_denied

_CALL_TIMEOUT_S = 10.0
_PAGE_S = 0.1
_STALL_S = 15.0
_NONE_SINCE = -1


class PastReader:
    """Reads committed records only. `config` is a plain client's (`KafkaSettings.client()`)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = {
            **config,
            "group.id": "commfleet-tools",  # needed by the client, never joined
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",  # what was deleted meanwhile is not missed
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": 16_384,
        }

    def records(
        self, ends: Mapping[PartitionId, int], window_ms: int, now_ms: int, is_over: Callable[[], bool]
    ) -> Iterator[Record]:
        """The records of each partition before its end offset, from `window_ms` before the record that stands there.

        Where none stands there yet, from that long before now. Offset order within a partition. Returns early
        when `is_over`. Raises TopicUnreadableError when reading stalls or is not allowed.
        """
        trouble = Trouble(self._config)
        consumer = Consumer({**self._config, "error_cb": trouble.hear})
        try:
            since = {id_: at - window_ms for id_, at in _times_at(consumer, ends, now_ms, is_over).items()}
            starts = offsets_at(consumer, since)
            unread = {id_: ends[id_] for id_, offset in starts.items() if offset < ends[id_]}
            _assign(consumer, {id_: starts[id_] for id_ in unread})
            while unread and not is_over():
                for id_, message in _page(consumer, unread, is_over):
                    if message is None or (message.offset() or 0) >= unread[id_]:
                        _drop(consumer, unread, id_)
                    elif int(message.timestamp()[1]) >= since[id_]:
                        yield Record(message)
                        if (message.offset() or 0) + 1 >= unread[id_]:
                            _drop(consumer, unread, id_)
        except KafkaException as error:
            consumer.poll(0)  # the reasons are told there
            reason = f": {trouble.words}" if trouble.words else ""
            raise TopicUnreadableError(f"recent records cannot be read: {error.args[0].str()}{reason}") from error
        finally:
            consumer.close()


def _times_at(
    consumer: Consumer, ends: Mapping[PartitionId, int], now_ms: int, is_over: Callable[[], bool]
) -> dict[PartitionId, int]:
    """When the record at each offset was written, at most now; now where there is none. Some only when `is_over`."""
    unread, times = dict(ends), dict[PartitionId, int]()
    _assign(consumer, unread)
    while unread and not is_over():
        for id_, message in _page(consumer, unread, is_over):
            times[id_] = now_ms if message is None else min(now_ms, int(message.timestamp()[1]))
            _drop(consumer, unread, id_)
    return times


def offsets_at(consumer: Consumer, since: Mapping[PartitionId, int]) -> dict[PartitionId, int]:
    """The first offset at or after a time in each partition; absent where all records are older."""
    found = _ask(consumer, since)
    none = [id_ for id_, offset in found.items() if offset == _NONE_SINCE]
    # librdkafka's own broker finds no offset for any time; a real one has an offset since 1970 where it has a record
    unable = [id_ for id_, offset in _ask(consumer, dict.fromkeys(none, 0)).items() if offset == _NONE_SINCE]
    starts = {id_: offset for id_, offset in found.items() if offset != _NONE_SINCE}
    for id_ in unable:
        starts[id_] = consumer.get_watermark_offsets(TopicPartition(*id_), timeout=_CALL_TIMEOUT_S)[0]
    return starts


def _ask(consumer: Consumer, times: Mapping[PartitionId, int]) -> dict[PartitionId, int]:
    if not times:
        return {}
    asked = [TopicPartition(*id_, max(0, at)) for id_, at in times.items()]
    return {PartitionId(p.topic, p.partition): p.offset for p in consumer.offsets_for_times(asked, _CALL_TIMEOUT_S)}


def _assign(consumer: Consumer, offsets: Mapping[PartitionId, int]) -> None:
    consumer.assign([TopicPartition(*id_, offset) for id_, offset in offsets.items()])


def _drop(consumer: Consumer, unread: dict[PartitionId, int], id_: PartitionId) -> None:
    """A partition is read to its end."""
    del unread[id_]
    consumer.incremental_unassign([TopicPartition(*id_)])


def _page(
    consumer: Consumer, unread: Mapping[PartitionId, int], is_over: Callable[[], bool]
) -> Iterator[tuple[PartitionId, Message | None]]:
    """The next records of partitions that are still unread; None is a partition's end. None at all when `is_over`."""
    deadline = time.monotonic() + _STALL_S
    while not (messages := consumer.consume(500, _PAGE_S)):
        if is_over():
            return
        if time.monotonic() > deadline:
            raise TopicUnreadableError(f"recent records cannot be read on: no answer in {_STALL_S:.0f} s")
    for message in messages:
        id_, error = PartitionId(message.topic() or "", message.partition() or 0), message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            if id_ in unread:
                yield id_, message if error is None else None
        elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED and not error.retriable():
            advice = f"; {GRANT}" if is_denied(error) else ""
            raise TopicUnreadableError(f"{id_.topic} cannot be read: {error.str()}{advice}")
