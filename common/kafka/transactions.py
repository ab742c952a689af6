"""Records and consumer offsets in one Kafka transaction: both or neither."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from common.errors import CommfleetError, FatalError
from common.event import Commit, OutRecord, PartitionId
from common.kafka.trouble import GRANT, is_denied

log = logging.getLogger(__name__)

_CALL_S = 15.0
_COMMIT_S = 60.0
_ABORT_S = 3.0
_FLUSH_S = 3.0
_PAUSE_S = 0.05


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
            self._producer.flush(_FLUSH_S)

    def _commit(self, records: Sequence[OutRecord], offsets: Mapping[PartitionId, Commit] | None, group: Any) -> None:
        self._start()
        try:
            self._producer.begin_transaction()
            for record in records:
                self._produce(record)
            if offsets:
                send_offsets = partial(self._producer.send_offsets_to_transaction, _partitions(offsets), group)
                _in_time(partial(_retry, send_offsets, _CALL_S), _CALL_S + _ABORT_S)
        except KafkaException as failure:
            self._abort(failure.args[0])
        try:
            _retry(self._producer.commit_transaction, _COMMIT_S)
        except KafkaException as failure:
            error = failure.args[0]
            if not error.fatal() and not error.txn_requires_abort():
                raise FatalError(f"a transaction's end is unknown ({error.str()}): a restart finds out") from failure
            self._abort(error)

    def _start(self) -> None:
        if self._is_ready:
            return
        try:
            _retry(self._producer.init_transactions, _CALL_S)
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

    def _abort(self, error: KafkaError) -> NoReturn:
        """Nothing stands, whatever this client makes of it: starting the next one ends what is open on the broker.

        A client whose broker refused several transactions in a row was seen to stand still in the next one.
        """
        if error.fatal():
            raise FatalError(f"this worker's transactions were fenced or failed for good: {_words(error)}")
        with contextlib.suppress(KafkaException):
            self._producer.abort_transaction(_ABORT_S)
        self._producer = Producer({**self._config}, logger=log)
        self._is_ready = False
        log.error("a transaction was aborted: %s", _words(error))
        raise AbortedError(f"a transaction was aborted: {_words(error)}")


def _retry(call: Callable[[float], Any], within_s: float) -> None:
    """Call with what is left of the time, as long as the client says that trying again may help."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            call(max(_PAUSE_S, deadline - time.monotonic()))
        except KafkaException as failure:
            error = failure.args[0]
            is_over = time.monotonic() + _PAUSE_S > deadline
            if is_over or error.txn_requires_abort() or error.fatal() or not error.retriable():
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _in_time(call: Callable[[], Any], within_s: float) -> None:
    """Call in a thread that is left alone when it takes too long.

    `send_offsets_to_transaction` ignores its time-out when the group's coordinator was away, and may never return
    (librdkafka issue 5456; seen with 2.16). A client that is left behind is fenced by its successor.
    """
    ends: SimpleQueue[KafkaException | None] = SimpleQueue()

    def run() -> None:
        try:
            call()
        except KafkaException as failure:
            ends.put(failure)
        else:
            ends.put(None)

    threading.Thread(target=run, name="offsets", daemon=True).start()
    try:
        end = ends.get(timeout=within_s)
    except Empty:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the client does not return")) from None
    if end is not None:
        raise end


def _failed(what: str, error: KafkaError) -> CommfleetError:
    message = f"{what}: {_words(error)}"
    return FatalError(message) if error.fatal() else AbortedError(message)


def _words(error: KafkaError) -> str:
    return f"{error.str()}; {GRANT}" if is_denied(error) else error.str()


def _partitions(offsets: Mapping[PartitionId, Commit]) -> list[TopicPartition]:
    return [TopicPartition(*partition, commit.offset, commit.metadata) for partition, commit in offsets.items()]
