"""Records outside of transactions, acknowledged: for receipts, which a second copy does not harm."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from common.errors import CommfleetError, UnconfirmedError
from common.event import OutRecord

log = logging.getLogger(__name__)

_POLL_S = 0.05
_FLUSH_S = 5.0


class PlainProducer:
    """An idempotent producer whose delivery reports are gathered for each group of records.

    It has no thread of its own: the client takes the interpreter anew for each report, so a thread beside a busy one
    would wait half a millisecond for every record. Used by one thread.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._producer = Producer({**config}, logger=log)

    def write(self, records: Sequence[OutRecord], on_done: Callable[[CommfleetError | None], None]) -> None:
        """Write all of them; `on_done` is called once, at the last report: inside `collect`, or a later `write`."""
        reports = _Reports(len(records), on_done)
        for record in records:
            self._produce(record, reports)

    def collect(self) -> None:
        """Take the reports that have come."""
        self._producer.poll(0)

    def close(self) -> None:
        """Wait for reports, within a bound."""
        self._producer.flush(_FLUSH_S)

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


class _Reports:
    """Counts the reports of one group of records."""

    def __init__(self, count: int, on_done: Callable[[CommfleetError | None], None]) -> None:
        self._left, self._on_done = count, on_done
        self._error: CommfleetError | None = None

    def report(self, error: KafkaError | None, _: Message | None) -> None:
        """One record ended."""
        if error is not None:
            self._error = UnconfirmedError(f"a receipt was not acknowledged: {error.str()}")
        self._left -= 1
        if not self._left:
            self._on_done(self._error)
