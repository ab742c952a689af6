"""Delivery metadata of a site's own sender beside Exstream becomes events; pure (exstream.md §6.4).

Exstream's own events say what became of a document by e-mail or file; what the site's output management knows beside
them (batches, print, responses, approvals) comes in this shape.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from common.errors import InvalidEventError
from workers.ingest.auth_config import Auth
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.feeds import Signal
from workers.ingest.identity import customer_of, usable_id
from workers.ingest.sources.api import Events, NewEvent
from workers.ingest.sources.envelope import Envelope
from workers.ingest.sources.exstream_delivery_payload import DeliverySignal
from workers.ingest.sources.reading import present, read
from workers.ingest.sources.source_config import INSTANCE, ON_BAD, OnBad, VendorSource
from workers.ingest.sources.words import channel_of

SOURCE = "exstream"
COMMUNICATION, BATCH, CONTENT = "comms.communication.v1", "comms.batch.v1", "comms.content.v1"

_BATCHES = {
    "queued": "QUEUED",
    "started": "STARTED",
    "held": "HELD",
    "output_generated": "OUTPUT_GENERATED",
    "print_released": "PRINT_RELEASED",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "canceled": "CANCELLED",
    "cancelled": "CANCELLED",
}
_DELIVERIES = {
    "requested": "REQUESTED",
    "queued": "QUEUED",
    "generated": "GENERATED",
    "released": "RELEASED",
    "submitted": "SENT",
    "delivered": "DELIVERED",
    "bounced": "BOUNCED",
    "failed": "FAILED",
    "opened": "OPENED",
    "clicked": "CLICKED",
    "responded": "RESPONDED",
    "completed": "COMPLETED",
}
_CONTENTS = {
    "submitted": "READY_FOR_REVIEW",
    "approved": "APPROVED",
    "rejected": "REJECTED",
    "draft_created": "UPDATED",
    "published": "PUBLISHED",
}


class ExstreamDeliverySource(VendorSource):
    """Delivery metadata that a site's own sender posts beside Exstream's events."""

    SYSTEM = SOURCE
    OFFERS = frozenset({Signal.DOCUMENT_STATUS, Signal.EMAIL_STATUS, Signal.BATCH_STATUS, Signal.CONTENT_STATUS})

    kind: Literal["exstream_delivery"]
    auth: Auth
    on_bad: OnBad = Field(OnBad.REFUSE, description=ON_BAD)
    instance: str = Field("", max_length=200, description=INSTANCE)
    signals: frozenset[Signal] | None = Field(
        frozenset({Signal.BATCH_STATUS, Signal.CONTENT_STATUS}),
        description="What this feed has the say in; the rest is acknowledged and passed over.",
    )
    document_types: dict[str, str] = Field(
        default_factory=dict, description="`doc_type` → the site's document type; others stay as they are."
    )


class ExstreamDeliveryTranslation:
    """One site's way from its sender's metadata to events."""

    def __init__(self, config: ExstreamDeliverySource) -> None:
        self._config = config

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The event of one signal; raises InvalidEventError naming every missing or wrong field."""
        sent = read(DeliverySignal, signal, "one delivery event")
        envelope = self._envelope(signal, sent, received_at)
        subject, _, word = sent.event_type.removeprefix("exstream.").partition(".")
        match subject:
            case "batch":
                return self._batch(word, sent, envelope)
            case "content" | "flow":
                return self._content(word, sent, envelope, "flow_model" if subject == "flow" else "template")
            case _:
                return self._communication(subject, word, sent, envelope)

    def _envelope(self, signal: Any, sent: DeliverySignal, received_at: datetime) -> Envelope:
        instance = self._config.instance or sent.source.domain or sent.source.tenant or SOURCE
        natural_id = hash_of("delivery", instance, usable_id(sent.event_id) or hash_of(canonical_json(signal)))
        customer = customer_of(SOURCE, instance, sent.recipient.customer_id, None, sent.recipient.email)
        told = {
            "event_type": sent.event_type,
            "name": sent.communication.name,
            "status": sent.batch.status,
            "document_ref": sent.document.ref,
        }
        return Envelope(SOURCE, instance, natural_id, sent.occurred_at, received_at, customer, present(told))

    def _batch(self, word: str, sent: DeliverySignal, envelope: Envelope) -> Events:
        batch, kind = sent.batch, _BATCHES.get(word, "UNKNOWN")
        batch_id = _needed(batch.external_id or batch.job_id, "batch.job_id")
        succeeded = None if batch.volume is None or batch.errors is None else max(0, batch.volume - batch.errors)
        value = envelope.value(
            kind,
            batch_id=batch_id,
            job_id=batch.job_id,
            document_type=self._document_type(batch.doc_type),
            channel=_channel(batch.channel),
            volume=batch.volume,
            succeeded=succeeded if kind == "COMPLETED" else None,
            failed=batch.errors,
        )
        return [NewEvent(BATCH, value, signal=_unless_unknown(kind, Signal.BATCH_STATUS))]

    def _content(self, word: str, sent: DeliverySignal, envelope: Envelope, usual: str) -> Events:
        communication, kind = sent.communication, _CONTENTS.get(word, "UNKNOWN")
        value = envelope.value(
            kind,
            content_id=_needed(communication.id, "communication.id"),
            content_name=communication.name,
            content_type=communication.type or usual,
            version=communication.version,
            document_type=self._document_type(communication.doc_type),
            regions=communication.regions,
            reviewers=communication.reviewers,
            approved_by=communication.approved_by,
            approved_at=sent.occurred_at if kind == "APPROVED" else None,
        )
        return [NewEvent(CONTENT, value, signal=_unless_unknown(kind, Signal.CONTENT_STATUS))]

    def _communication(self, subject: str, word: str, sent: DeliverySignal, envelope: Envelope) -> Events:
        delivery, said = sent.delivery, sent.delivery.status if word == "status" else word
        kind = _DELIVERIES.get((said or "").lower(), "UNKNOWN") if subject in ("document", "delivery") else "UNKNOWN"
        channel = _channel(delivery.channel)
        value = envelope.value(
            kind,
            document_id=sent.document.id,
            communication_id=sent.communication.id,
            document_type=self._document_type(sent.communication.doc_type or sent.batch.doc_type),
            channel=channel,
            batch_id=sent.batch.external_id,
            job_id=sent.batch.job_id,
            failure_reason=delivery.reason if kind in ("FAILED", "BOUNCED") else None,
            next_action=delivery.next_action,
            delivered_at=(delivery.attempted_at or sent.occurred_at) if kind == "DELIVERED" else None,
            response={"kind": sent.response.kind, "value": sent.response.value} if sent.response else None,
        )
        signal = Signal.EMAIL_STATUS if channel == "EMAIL" else Signal.DOCUMENT_STATUS
        return [NewEvent(COMMUNICATION, value, signal=_unless_unknown(kind, signal))]

    def _document_type(self, said: str | None) -> str | None:
        return self._config.document_types.get(said or "", said)


def _needed(value: str | None, field: str) -> str:
    if value is None:
        raise InvalidEventError([(field, "is required")])
    return value


def _channel(name: str | None) -> str | None:
    found = channel_of(name)
    return found.value if found else None


def _unless_unknown(kind: str, signal: Signal) -> Signal | None:
    return None if kind == "UNKNOWN" else signal
