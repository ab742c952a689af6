"""The receipts as a poller reads them: what is new since its last look."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from common.codec import Decoder
from common.errors import ReaderTooOldError, UndecodableError
from common.kafka.news_reader import NewsReader
from workers.settings import Settings

_RECEIPT = "comms.receipt.v1"
_log = logging.getLogger(__name__)


class ReceiptLog:
    """Implements `workers.ingest.pollers.api.Receipts` on Kafka."""

    def __init__(self, settings: Settings, decoder: Decoder) -> None:
        self._reader, self._decoder = NewsReader(settings.kafka.client(), settings.prefix + _RECEIPT), decoder

    def news(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """What cannot be read is passed over: whoever asks learns less, and nothing else."""
        for record in self._reader.records(int(since.timestamp() * 1000)):
            try:
                yield self._decoder.decode(_RECEIPT, record.value)
            except (UndecodableError, ReaderTooOldError) as error:
                _log.warning("the receipt %s is passed over: %s", record.position, error)
