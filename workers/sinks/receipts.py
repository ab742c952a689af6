"""Receipts: what became of a delivery, as an event on comms.receipt.v1, beside the event that it is about."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from common.codec import Encoder, headers_of
from common.event import OutRecord
from workers.sinks.delivery import Delivery

TOPIC = "comms.receipt.v1"
_SOURCE = "commfleet"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, TOPIC)


class Receipts:
    """Writes the receipts of one group of a sink."""

    def __init__(self, encoder: Encoder, sink: str, group: str, prefix: str) -> None:
        """`group` is the consumer group: it begins each delivery's name."""
        self._encoder, self._sink, self._group, self._topic = encoder, sink, group, prefix + TOPIC

    def record(
        self, delivery: Delivery, verdict: str, reason: str, vendor_ids: Mapping[str, str], at: datetime
    ) -> OutRecord:
        """The receipt of a delivery that ended; `verdict` is DELIVERED, SUPPRESSED or REJECTED.

        Its id is made of delivery, verdict and reason, so a second copy is harmless. It has its event's key
        and partition number.
        """
        event, origin = delivery.event.value, delivery.origin(self._group)
        value = {
            "event_id": str(uuid.uuid5(_NAMESPACE, f"{origin.delivery}|{verdict}|{reason}|{origin.letter}")),
            "type": "RECORDED",
            "source": _SOURCE,
            "occurred_at": at,
            "ingested_at": at,
            "customer": event.get("customer"),
            "correlation_id": event.get("correlation_id"),
            "caused_by": event["event_id"],
            "delivery_event_id": event["event_id"],
            "sink": self._sink,
            "flow": delivery.flow.name,
            "action": delivery.action.name,
            "verdict": verdict,
            "reason": reason or None,
            "vendor_ids": dict(vendor_ids),
        }
        headers = tuple(headers_of(TOPIC, value))
        payload = self._encoder.encode(TOPIC, value)
        return OutRecord(self._topic, delivery.event.key, payload, headers, delivery.window.id.partition)
