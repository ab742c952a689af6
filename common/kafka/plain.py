"""Records outside of transactions, acknowledged: for receipts, which a second copy does not harm."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from common.errors import CommfleetError, UnconfirmedError
from common.event import OutRecord

log = logging.getLogger(__name__)

_POLL_S = 0.05
_FLUSH_S = 5.0


class PlainProducer:
    """An idempotent producer whose delivery reports are gathered for each group of records."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._producer = Producer({**config}, logger=log)
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="receipts", daemon=True)
        self._poller.start()

    def write(self, records: Sequence[OutRecord], on_done: Callable[[CommfleetError | None], None]) -> None:
        """Write all of them; `on_done` is called once, from the polling thread, at the last report."""
        reports = _Reports(len(records), on_done)
        for record in records:
            self._produce(record, reports)

    def close(self) -> None:
        """Wait for reports, within a bound, and end the thread."""
        self._producer.flush(_FLUSH_S)
        self._stop.set()
        self._poller.join()

    def _produce(self, record: OutRecord, reports: "_Reports") -> None:
        where = {} if record.partition is None else {"partition": record.partition}
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    headers=list(record.headers),
                    on_delivery=reports.report,
                    **where,  # type: ignore[arg-type]
                )
            except BufferError:
                self._producer.poll(_POLL_S)
            except KafkaException as error:
                reports.report(error.args[0], None)
                return
            else:
                return

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_S)


class _Reports:
    """Counts the reports of one group of records."""

    def __init__(self, count: int, on_done: Callable[[CommfleetError | None], None]) -> None:
        self._left, self._on_done = count, on_done
        self._error: CommfleetError | None = None
        self._lock = threading.Lock()

    def report(self, error: KafkaError | None, _: Message | None) -> None:
        """One record ended."""
        with self._lock:
            if error is not None:
                self._error = UnconfirmedError(f"a receipt was not acknowledged: {error.str()}")
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            self._on_done(self._error)
