"""The receipts as a poller reads them: from a moment on, then what is new."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer

from common.codec import Decoder, Encoder, LocalSchemas
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from workers.bootstrap.receipt_log import ReceiptLog
from workers.settings import Settings

RECEIPT = "comms.receipt.v1"
LONG_AGO = datetime.now(UTC) - timedelta(days=3)


class Written:
    """Receipts on a broker."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._producer, self._topic = Producer(producer_config({"bootstrap.servers": bootstrap})), prefix + RECEIPT
        self._encoder = Encoder(LocalSchemas())

    def add(self, number: int, hours: float = 0, value: bytes | None = None) -> None:
        """One more, so many hours old, acknowledged."""
        at_ms = int((time.time() - hours * 3600) * 1000)
        encoded = value or self._encoder.encode(RECEIPT, receipt(number))
        self._producer.produce(self._topic, encoded, b"c", number % 2, timestamp=at_ms)
        assert self._producer.flush(10) == 0


def receipt(number: int) -> dict[str, Any]:
    """One of the Notifications sink."""
    now = datetime.now(UTC)
    return {
        "event_id": f"r-{number}",
        "type": "RECORDED",
        "source": "commfleet",
        "source_instance": None,
        "occurred_at": now,
        "ingested_at": now,
        "actor": None,
        "customer": None,
        "correlation_id": None,
        "caused_by": f"e-{number}",
        "attributes": {},
        "delivery_event_id": f"e-{number}",
        "sink": "notifications",
        "flow": "f",
        "action": "notify",
        "verdict": "DELIVERED",
        "reason": None,
        "vendor_ids": {"email_id": f"xsi-{number}"},
    }


@pytest.fixture
def written(embedded: EmbeddedBroker, prefix: str) -> Written:
    return Written(embedded.bootstrap, prefix)


@pytest.fixture
def log(embedded: EmbeddedBroker, prefix: str) -> ReceiptLog:
    settings = Settings.model_validate({"prefix": prefix, "kafka": {"bootstrap.servers": embedded.bootstrap}})
    return ReceiptLog(settings, Decoder(LocalSchemas()))


def found(log: ReceiptLog, since: datetime = LONG_AGO) -> list[str]:
    return sorted(each["vendor_ids"]["email_id"] for each in log.news(since))


def test_each_receipt_is_given_once(written: Written, log: ReceiptLog) -> None:
    """All there are, then what is new, of every partition."""
    written.add(1)
    written.add(2)
    first = found(log)
    written.add(3)

    assert (first, found(log), found(log)) == (["xsi-1", "xsi-2"], ["xsi-3"], [])


def test_what_is_older_is_left_out(written: Written, log: ReceiptLog) -> None:
    """Jobs are followed for some days, receipts are kept for longer."""
    written.add(1, hours=100)
    written.add(2, hours=1)
    written.add(3, hours=0)

    assert found(log, LONG_AGO) == ["xsi-2", "xsi-3"]


def test_what_cannot_be_read_is_passed_over(written: Written, log: ReceiptLog) -> None:
    """It would be asked about by nobody; the others are."""
    written.add(1, value=b"no Avro")
    written.add(3)

    assert found(log) == ["xsi-3"]
