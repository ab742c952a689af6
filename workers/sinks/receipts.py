"""Receipts: what became of a delivery, as an event on comms.receipt.v1, beside the event that it is about."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.codec import Encoder, headers_of
from common.event import Headers, OutRecord
from workers.sinks.delivery import Delivery

TOPIC = "comms.receipt.v1"
_TYPE, _SOURCE = "RECORDED", "commfleet"
_ID_HEADER = "ce_id"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, TOPIC)
_NAMESPACE_BYTES = NAMESPACE.bytes


class Receipts:
    """Writes the receipts of one group of a sink."""

    def __init__(self, encoder: Encoder, sink: str, group: str, prefix: str) -> None:
        """`group` is the consumer group: it begins each delivery's name."""
        self._encoder, self._sink, self._group, self._topic = encoder, sink, group, prefix + TOPIC
        self._headers_at: tuple[datetime | None, Headers] = None, ()

    def record(
        self, delivery: Delivery, verdict: str, reason: str, vendor_ids: Mapping[str, str], at: datetime
    ) -> OutRecord:
        """The receipt of a delivery that ended; `verdict` is DELIVERED, SUPPRESSED or REJECTED.

        Its id is made of delivery, verdict and reason, so a second copy is harmless. It has its event's key
        and partition number.
        """
        event = delivery.event.value
        letter = delivery.retried.letter if delivery.retried else ""
        event_id = uuid5_text(f"{delivery.name(self._group)}|{verdict}|{reason}|{letter}")
        value = {
            "event_id": event_id,
            "type": _TYPE,
            "source": _SOURCE,
            "source_instance": None,
            "occurred_at": at,
            "ingested_at": at,
            "actor": None,
            "customer": event.get("customer"),
            "correlation_id": event.get("correlation_id"),
            "caused_by": event["event_id"],
            "attributes": {},
            "delivery_event_id": event["event_id"],
            "sink": self._sink,
            "flow": delivery.flow.name,
            "action": delivery.action.name,
            "verdict": verdict,
            "reason": reason or None,
            "vendor_ids": vendor_ids,
        }
        return OutRecord(
            self._topic,
            delivery.event.key,
            self._encoded(value),
            self._headers(event_id, at),
            delivery.window.id.partition,
        )

    def _encoded(self, value: Mapping[str, Any]) -> bytes:
        """Complete, and made of what fits: the event was checked when it was read. What a vendor says was not."""
        if value["vendor_ids"]:
            return self._encoder.encode(TOPIC, value)
        return self._encoder.encode_checked(TOPIC, value)

    def _headers(self, event_id: str, at: datetime) -> Headers:
        """Those of a receipt; but for the id they are the same for a whole batch."""
        if self._headers_at[0] != at:
            common = {"event_id": "", "type": _TYPE, "source": _SOURCE, "occurred_at": at}
            self._headers_at = at, tuple(header for header in headers_of(TOPIC, common) if header[0] != _ID_HEADER)
        return ((_ID_HEADER, event_id.encode()), *self._headers_at[1])


def uuid5_text(name: str) -> str:
    """`str(uuid.uuid5(…, name))` in our namespace (RFC 9562 §5.5), at a fifth of its price: there is one a receipt."""
    digest = hashlib.sha1(_NAMESPACE_BYTES + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
