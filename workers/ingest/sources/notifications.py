"""What became of alerts, as OpenText Notifications posts it, as events; pure (notifications.md §4, §5, §7.3).

A status tells everything of a job again and again, out of order. So each recipient's fact (sent, bounced, opened …) is
an event whose id is made of job, recipient and fact: however often it is told, it is one event. Jobs that are not
ours (Exstream sends by the same account) are passed over: Exstream's own events tell of them.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.feeds import Signal
from workers.ingest.identity import usable_id
from workers.ingest.sources.api import Events, NewEvent
from workers.ingest.sources.envelope import Envelope, actor
from workers.ingest.sources.notifications_payload import Acknowledgement, Delivery, JobStatus
from workers.ingest.sources.reading import present, read
from workers.ingest.sources.words import ActorKind

SOURCE, TOPIC = "notifications", "comms.alert.v1"
OURS = "evt:"
"""What our sink puts before the event's id in a job's customer reference, `evt:<event id> <alert key>`."""

_ACTIONS = {"acknowledged": "ACKNOWLEDGED", "approved": "ACKNOWLEDGED", "rejected": "ACKNOWLEDGED", "read": "OUTCOME"}


class NotificationsTranslation:
    """One account's way from statuses and acknowledgements to alert events."""

    def __init__(self, instance: str) -> None:
        self._instance = instance

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The events of one signal; raises InvalidEventError naming every missing or wrong field."""
        if isinstance(signal, dict) and "action" in signal and "job_id" not in signal:
            return [self._acknowledged(signal, read(Acknowledgement, signal, "one acknowledgement"), received_at)]
        return self.outcomes(signal, received_at)

    def outcomes(self, signal: Any, received_at: datetime, only: str | None = None) -> Events:
        """What the status of a job says of each recipient, or one fact of it only; raises InvalidEventError."""
        found = self._outcomes(read(JobStatus, signal, "the status of one job"), received_at)
        return [event for event in found if only in (None, event.value["outcome"])]

    def _outcomes(self, status: JobStatus, received_at: datetime) -> Iterator[NewEvent]:
        reference = plain(status.customer_reference)
        if not reference.startswith(OURS):
            return
        event_id, _, alert_key = reference.removeprefix(OURS).partition(" ")
        if not event_id:
            raise InvalidEventError([("customer_reference_base64", "names no event behind evt:")])
        for delivery in status.deliveries:
            ref = plain(delivery.ref)
            for outcome in delivery.outcomes:
                envelope = self._of_recipient(status, delivery, ref, outcome, received_at)
                value = envelope.value(
                    "OUTCOME",
                    caused_by=event_id,
                    alert_key=alert_key or f"event:{event_id}",
                    outcome=outcome,
                    recipient_ref=ref or None,
                )
                yield NewEvent(TOPIC, value, signal=Signal.OUTCOME)

    def _of_recipient(
        self, status: JobStatus, delivery: Delivery, ref: str, outcome: str, received_at: datetime
    ) -> Envelope:
        """It happened when we heard of it: times that the vendor labels Z are an hour off at least once (§4)."""
        instance, last = self._instance, delivery.last_attempt
        natural_id = hash_of("status", instance, status.job_id, ref or delivery.address, outcome)
        told = {
            "job_id": status.job_id,
            "job_state": ", ".join(status.job_state),
            "state": last and last.state,
            "gamma_code": last and last.gamma_code,
            "first_attempt": last and last.first_attempt,
        }
        return Envelope(SOURCE, instance, natural_id, received_at, received_at, attributes=present(told))

    def _acknowledged(self, signal: Mapping[str, Any], sent: Acknowledgement, received_at: datetime) -> NewEvent:
        instance, action = self._instance, sent.action.lower()
        kind = _ACTIONS.get(action, "UNKNOWN")
        own_id = usable_id(sent.event_id) or hash_of(canonical_json(signal))
        told = present(
            {"action": sent.action, "notification_id": sent.notification_id, "external_id": sent.external_id}
        )
        value = Envelope(
            SOURCE, instance, hash_of("acknowledgement", instance, own_id), sent.at or received_at, received_at,
            attributes=told,
        ).value(
            kind,
            actor=actor(ActorKind.USER, sent.actor),
            caused_by=sent.source_event_id,
            alert_key=sent.dedupe_key or f"notification:{sent.external_id or sent.notification_id}",
            outcome="opened" if kind == "OUTCOME" else None,
            recipient_ref=f"user:{sent.actor}" if sent.actor else None,
            body=sent.comment,
        )  # fmt: skip
        signal_of = {"OUTCOME": Signal.OUTCOME, "ACKNOWLEDGED": Signal.ACKNOWLEDGEMENT}
        return NewEvent(TOPIC, value, signal=signal_of.get(kind))


def plain(encoded: str | None) -> str:
    """What we sent plain and the vendor returns in base64 (§4); raises InvalidEventError when it is not that."""
    try:
        return b64decode(encoded or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidEventError([("customer_reference_base64", "is not base64 of a text, nor are all refs")]) from None
