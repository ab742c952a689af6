"""Records and consumer offsets in one Kafka transaction: both or neither."""

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from common.errors import CommfleetError, FatalError
from common.event import Commit, OutRecord, PartitionId
from common.kafka.trouble import GRANT, is_denied

log = logging.getLogger(__name__)

_CALL_TIMEOUT_S = 30.0
_TRIES = 5


class AbortedError(CommfleetError):
    """The transaction was aborted: none of its records or offsets stand."""


class TransactionalProducer:
    """One `transactional.id`; starting it fences a predecessor of the same name.

    `commit` is all or nothing. Where the end of a transaction cannot be learned, the process must
    end (FatalError): its successor finds either everything or nothing.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        self._producer = Producer({**config}, logger=log)
        self._is_ready = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Fence a predecessor now, and wait for the end of its transaction: what it wrote can be read. As `commit`."""
        with self._lock:
            self._start()

    def commit(
        self, records: Sequence[OutRecord], offsets: Mapping[PartitionId, Commit] | None = None, group: Any = None
    ) -> None:
        """Write records and, with a member's `group` metadata, its offsets. Raises AbortedError or FatalError."""
        with self._lock:
            self._commit(records, offsets, group)

    def close(self) -> None:
        """Wait for what is under way, within a bound; a producer that failed for good has said so before."""
        with contextlib.suppress(KafkaException):
            self._producer.flush(_CALL_TIMEOUT_S)

    def _commit(self, records: Sequence[OutRecord], offsets: Mapping[PartitionId, Commit] | None, group: Any) -> None:
        self._start()
        self._producer.begin_transaction()
        try:
            for record in records:
                self._produce(record)
            if offsets:
                self._retry(self._producer.send_offsets_to_transaction, _partitions(offsets), group, _CALL_TIMEOUT_S)
            self._retry(self._producer.commit_transaction, _CALL_TIMEOUT_S)
        except KafkaException as failure:
            self._abort(failure.args[0])

    def _start(self) -> None:
        if self._is_ready:
            return
        try:
            self._retry(self._producer.init_transactions, _CALL_TIMEOUT_S)
        except KafkaException as failure:
            raise _failed("transactions could not be started", failure.args[0]) from failure
        self._is_ready = True

    def _produce(self, record: OutRecord) -> None:
        where = {} if record.partition is None else {"partition": record.partition}
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    headers=list(record.headers),
                    **where,  # type: ignore[arg-type]
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _begin_anew(self) -> None:
        """A client whose broker refused several transactions in a row was seen to stand still in the next one."""
        self._producer = Producer({**self._config}, logger=log)
        self._is_ready = False

    def _abort(self, error: KafkaError) -> None:
        if error.fatal():
            raise FatalError(f"this worker's transactions were fenced or failed for good: {_words(error)}")
        if not error.txn_requires_abort() and error.retriable():
            raise FatalError(f"a transaction's end is unknown ({error.str()}): a restart finds out")
        try:
            self._retry(self._producer.abort_transaction, _CALL_TIMEOUT_S)
        except KafkaException as failure:
            raise FatalError(f"a transaction could not be aborted: {failure.args[0].str()}") from failure
        self._begin_anew()
        log.error("a transaction was aborted: %s", _words(error))
        raise AbortedError(f"a transaction was aborted: {_words(error)}")

    @staticmethod
    def _retry(call: Callable[..., Any], *arguments: Any) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                call(*arguments)
            except KafkaException as failure:
                error = failure.args[0]
                if attempt == _TRIES or error.txn_requires_abort() or error.fatal() or not error.retriable():
                    raise
            else:
                return


def _failed(what: str, error: KafkaError) -> CommfleetError:
    message = f"{what}: {_words(error)}"
    return FatalError(message) if error.fatal() else AbortedError(message)


def _words(error: KafkaError) -> str:
    return f"{error.str()}; {GRANT}" if is_denied(error) else error.str()


def _partitions(offsets: Mapping[PartitionId, Commit]) -> list[TopicPartition]:
    return [TopicPartition(*partition, commit.offset, commit.metadata) for partition, commit in offsets.items()]
