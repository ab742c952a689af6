"""A member of a consumer group, as the sink path needs it: pages of records, commits with metadata.

One thread owns it; calls from another would wait until `read` returns (measured). A listener may call it inside
`read`, so it has nothing that asks the client for `list_topics`: the next callback after that one, inside the same
`read`, aborts the process (measured with confluent-kafka 2.16; every other call is safe there).
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from common.errors import CommfleetError, ConfigurationError, FatalError
from common.event import Commit, Headers, PartitionId, Position
from common.kafka.trouble import GRANT, Trouble, is_denied

log = logging.getLogger(__name__)

_MISSING_OFFSET = -1001
_CALL_TIMEOUT_S = 10.0
_CLOSE_S = 5.0
_SHORT_S = 0.01

# The commit is not confirmed and nothing was decided by it: try again after the next poll (engine §3).
_TRANSIENT = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._TRANSPORT,
        KafkaError._WAIT_COORD,
        KafkaError._ALL_BROKERS_DOWN,
    }
)
# Somebody else is this member now, or the client has given up: it gets no callback, and reads nothing more.
_FENCED = frozenset({KafkaError.FENCED_INSTANCE_ID, KafkaError._FENCED, KafkaError._FATAL})
# The records of these errors are about the cluster's state, not about a record.
_PASSING = _TRANSIENT | {KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}


class CommitError(CommfleetError):
    """A commit that is not confirmed; it may be partly stored all the same."""

    def __init__(self, message: str, is_transient: bool) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class Record:
    """One record as it was read; headers are fetched only when somebody asks."""

    __slots__ = ("_message", "key", "offset", "partition", "topic", "value")

    def __init__(self, message: Message) -> None:
        self._message = message
        self.topic: str = message.topic() or ""
        self.partition: int = message.partition() or 0
        self.offset: int = message.offset() or 0
        self.key = _bytes(message.key())
        self.value = _bytes(message.value())

    @property
    def position(self) -> Position:
        """Where it stands in the log."""
        return Position(self.topic, self.partition, self.offset)

    @property
    def headers(self) -> Headers:
        """Its headers, in order."""
        found = cast("list[tuple[str, str | bytes | None]]", self._message.headers() or [])
        return tuple((name, _bytes(value)) for name, value in found)

    @property
    def timestamp_ms(self) -> int:
        """When it was produced (or appended, as the topic is set), in epoch milliseconds."""
        return int(self._message.timestamp()[1])


class GroupListener(Protocol):
    """Who is told what the group decides. Called inside `read`, in its thread."""

    def assigned(self, partitions: Collection[PartitionId]) -> None:
        """These are ours now."""
        ...

    def revoked(self, partitions: Collection[PartitionId]) -> None:
        """These are about to be somebody else's; commits are still accepted until this returns."""
        ...

    def lost(self, partitions: Collection[PartitionId]) -> None:
        """These are somebody else's already."""
        ...

    def committed(self, confirmed: Mapping[PartitionId, Commit], failure: CommitError | None) -> None:
        """An asynchronous commit ended."""
        ...

    def partition_failed(self, partition: PartitionId, message: str) -> None:
        """A partition cannot be read on, for instance because its offset is outside the log."""
        ...


class GroupConsumer:
    """A confluent-kafka Consumer in a group, with manual commits, and errors of ours."""

    def __init__(
        self,
        config: Mapping[str, Any],
        on_broker_state: Callable[[str | None], None],
        on_end: Callable[[PartitionId, int], None] = lambda _partition, _offset: None,
    ) -> None:
        """`on_broker_state` gets a message when no broker can be reached, and None when one has answered again.

        `on_end` hears inside `read`, where `config` sets `enable.partition.eof`, that everything before an offset
        was read, gaps that compaction and transactions leave included.
        """
        self._on_end = on_end
        self._listener: GroupListener | None = None
        self._paused: set[PartitionId] = set()
        self._on_broker_state = on_broker_state
        self._trouble = Trouble(config)
        self._denial, self._end, self._has_failed, self._is_away = "", "", False, False
        self._is_closing = False
        self._consumer = Consumer({**config, "on_commit": self._on_commit, "error_cb": self._on_error}, logger=log)

    def subscribe(self, topics: Collection[str], listener: GroupListener) -> None:
        """Join the group for these topics."""
        self._listener = listener
        self._consumer.subscribe(
            list(topics),
            on_assign=lambda _, partitions: self._assigned(_ids(partitions)),
            on_revoke=lambda _, partitions: listener.revoked(_ids(partitions)),
            on_lost=lambda _, partitions: listener.lost(_ids(partitions)),
        )

    def read(self, at_most: int, timeout_s: float, *, gathers: bool = False) -> Sequence[Record]:
        """The next page of records; a long wait for one ends with its first record, unless it `gathers` a page.

        Raises FatalError when the client cannot go on, ConfigurationError when it may not read.
        """
        self._has_failed = True  # until the end of this call is reached
        records = []
        for message in self._page(at_most, timeout_s, gathers):
            if (error := message.error()) is None:
                records.append(Record(message))
            else:
                self._judge(error, message)
        if self._end:
            raise FatalError(self._end)
        if self._denial:
            raise ConfigurationError(f"the broker does not let this worker {self._denial}; {GRANT}")
        self._has_failed = False
        if records:
            self._answered()
        return records

    def _page(self, at_most: int, timeout_s: float, gathers: bool) -> list[Message]:
        """The client itself waits until a page is full or the time is over: too long for the first of few records."""
        if gathers or timeout_s <= _SHORT_S:
            return self._consumer.consume(at_most, timeout_s)
        first = self._consumer.consume(1, timeout_s)
        return first + self._consumer.consume(at_most - 1, 0.0) if first else first

    def assign(self, starts: Mapping[PartitionId, int]) -> None:
        """Read these partitions from exactly these offsets, also those that were paused when they were ours before.

        The client keeps a pause through an assignment (librdkafka 2.16): what came back was never read again. What was
        not paused is left alone: its first end of partition would be lost.
        """
        self._consumer.assign([TopicPartition(*partition, offset) for partition, offset in starts.items()])
        if back := self._paused.intersection(starts):
            self._consumer.resume([TopicPartition(*partition) for partition in back])
            self._paused -= back

    def unassign(self) -> None:
        """Read nothing."""
        self._consumer.unassign()

    def committed(self, partitions: Iterable[PartitionId]) -> dict[PartitionId, Commit | None]:
        """What the group's coordinator keeps for each partition; None where nothing was committed."""
        found = self._call(self._consumer.committed, [TopicPartition(*p) for p in partitions], _CALL_TIMEOUT_S)
        for partition in found:
            if partition.error is not None:
                raise CommitError(
                    f"committed offset of {partition.topic}/{partition.partition}: {partition.error}", True
                )
        return {
            PartitionId(p.topic, p.partition): None
            if p.offset == _MISSING_OFFSET
            else Commit(p.offset, p.metadata or "")
            for p in found
        }

    def resolve(self, partitions: Collection[PartitionId], start: str | datetime) -> dict[PartitionId, int]:
        """The offset of `beginning`, `end` or a time in each partition."""
        if isinstance(start, datetime):
            return self._resolve_time(partitions, int(start.timestamp() * 1000))
        index = 0 if start == "beginning" else 1
        return {p: self.bounds(p)[index] for p in partitions}

    def bounds(self, partition: PartitionId) -> tuple[int, int]:
        """The first offset in the log and the one that the next record will get."""
        low, high = self._call(self._consumer.get_watermark_offsets, TopicPartition(*partition), _CALL_TIMEOUT_S)
        return int(low), int(high)

    def cached_end(self, partition: PartitionId) -> int | None:
        """The end of the log as the last fetch told it, without asking; None before the first."""
        try:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
        except KafkaException:
            return None
        return int(high) if high >= 0 else None

    def commit(self, offsets: Mapping[PartitionId, Commit]) -> None:
        """Commit without waiting; the listener's `committed` tells how it ended."""
        try:
            self._consumer.commit(offsets=_offsets(offsets), asynchronous=True)
        except KafkaException as error:
            raise self._unconfirmed(error.args[0]) from error

    def commit_now(self, offsets: Mapping[PartitionId, Commit]) -> None:
        """Commit and wait. Raises CommitError when any partition is not confirmed."""
        try:
            done = self._consumer.commit(offsets=_offsets(offsets), asynchronous=False)
        except KafkaException as error:
            raise self._unconfirmed(error.args[0]) from error
        for partition in done or ():
            if partition.error is not None:
                raise self._unconfirmed(partition.error)
        self._answered()

    def pause(self, partition: PartitionId) -> None:
        """Stop reading a partition; what was prefetched of it is thrown away."""
        self._consumer.pause([TopicPartition(*partition)])
        self._paused.add(partition)

    def resume(self, partition: PartitionId) -> None:
        """Read a paused partition on."""
        self._consumer.resume([TopicPartition(*partition)])
        self._paused.discard(partition)

    def seek(self, partition: PartitionId, offset: int) -> None:
        """Read a partition from this offset next."""
        self._consumer.seek(TopicPartition(*partition, offset))

    def group_metadata(self) -> Any:
        """What a transaction needs to commit offsets for this member; opaque."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Leave the group (a static member stays in it until its session ends)."""
        self._is_closing = True
        if not self._has_failed:
            self._consumer.close()
            return
        # measured: where the commit of the last revocation is denied, librdkafka's close does not return
        closing = threading.Thread(target=self._consumer.close, name="closing", daemon=True)
        closing.start()
        closing.join(_CLOSE_S)

    def _assigned(self, partitions: Collection[PartitionId]) -> None:
        """While it closes the client still tells of an assignment, and answers no question about it any more."""
        if self._is_closing:
            self._consumer.unassign()
        elif self._listener is not None:
            self._listener.assigned(partitions)

    def _resolve_time(self, partitions: Collection[PartitionId], at_ms: int) -> dict[PartitionId, int]:
        found = self._call(
            self._consumer.offsets_for_times, [TopicPartition(*p, at_ms) for p in partitions], _CALL_TIMEOUT_S
        )
        return {
            partition: p.offset if p.offset >= 0 else self.bounds(partition)[1]
            for p in found
            for partition in (PartitionId(p.topic, p.partition),)
        }

    def _call(self, function: Callable[..., Any], argument: Any, timeout_s: float) -> Any:
        try:
            return function(argument, timeout=timeout_s)
        except KafkaException as error:
            raise CommitError(f"{function.__name__}: {error.args[0]}", True) from error

    def _judge(self, error: KafkaError, message: Message) -> None:
        self._note_end(error)
        if is_denied(error):
            self._denial = f"read: {error.str()}"
            return
        if error.code() == KafkaError._PARTITION_EOF:
            self._on_end(PartitionId(message.topic() or "", message.partition() or 0), message.offset() or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET and self._listener:
            partition = PartitionId(message.topic() or "", message.partition() or 0)
            self._listener.partition_failed(partition, error.str())
        elif error.code() not in _PASSING:
            log.warning("kafka: %s", error)

    def _note_end(self, error: KafkaError) -> None:
        """Remember what this client cannot recover from: the next `read` says it."""
        if error.fatal() or error.code() in _FENCED:
            self._end = f"this group member cannot go on, another one may have its name: {error.str()}"

    def _on_error(self, error: KafkaError) -> None:
        self._trouble.hear(error)
        self._note_end(error)
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._is_away = True
            self._on_broker_state(f"no broker answers: {self._trouble.words}")

    def _answered(self) -> None:
        if self._is_away:
            self._is_away = False
            self._on_broker_state(None)

    def _unconfirmed(self, error: KafkaError) -> CommitError:
        """A missing permission is told by the next `read`: an error out of a callback would keep `close` waiting."""
        self._note_end(error)
        if is_denied(error):
            self._denial = f"commit offsets: {error.str()}"
        return CommitError(f"offsets were not committed: {error.str()}", error.code() in _TRANSIENT)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if self._listener is None:
            return
        confirmed = (
            {}
            if error
            else {
                PartitionId(p.topic, p.partition): Commit(p.offset, p.metadata or "")
                for p in partitions
                if p.error is None
            }
        )
        if confirmed:
            self._answered()
        failed = error or next((p.error for p in partitions if p.error is not None), None)
        self._listener.committed(confirmed, self._unconfirmed(failed) if failed else None)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _ids(partitions: Iterable[TopicPartition]) -> list[PartitionId]:
    return [PartitionId(p.topic, p.partition) for p in partitions]


def _offsets(offsets: Mapping[PartitionId, Commit]) -> list[TopicPartition]:
    return [TopicPartition(*p, stored.offset, stored.metadata) for p, stored in offsets.items()]
