"""The status of a job, and the acknowledgement of an alert, as far as we read them (notifications.md §4, §7.3)."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from workers.ingest.sources.reading import Block, Moment, Text, text

_ENDS_OF_STATES = {"sent": "sent", "error": "failed", "expired": "expired", "cancelled": "cancelled"}
"""States of an attempt after which it does not change; the others (Pending, Held …) say nothing yet."""

ENDS = frozenset(_ENDS_OF_STATES.values())
"""The same in our words."""

_FACTS = {"dsn": "bounced", "html_open": "opened", "opt_out": "opted_out"}
"""Events of an e-mail. Their inner shapes are unknown: one that is not empty has happened (§4)."""


class Attempt(Block):
    """One try to deliver; its time is kept as it is written."""

    state: Text = None
    gamma_code: Text = None
    first_attempt: Text = None


class Delivery(Block):
    """One recipient's copy."""

    ref: str | None = Field(None, alias="ref_base64")
    email: Text = None
    sms: Text = None
    attempts: list[Attempt] = Field(default_factory=list, alias="delivery_attempts")
    events: dict[str, Any] = Field(default_factory=dict)

    @property
    def address(self) -> str | None:
        """Where it went."""
        return self.email or self.sms

    @property
    def last_attempt(self) -> Attempt | None:
        """The one that counts: any that was sent, else the latest."""
        sent = [attempt for attempt in self.attempts if _state(attempt) == "sent"]
        latest = sorted(self.attempts, key=lambda attempt: attempt.first_attempt or "")
        return next(iter(sent or latest[-1:]), None)

    @property
    def outcomes(self) -> list[str]:
        """What has become of it, each fact once, in the order in which they can happen."""
        last = self.last_attempt
        ended = _ENDS_OF_STATES.get(_state(last)) if last else None
        return list(dict.fromkeys([*([ended] if ended else []), *self._facts()]))

    def _facts(self) -> Iterator[str]:
        by_email = self.events.get("email_delivery_events")
        if isinstance(by_email, dict):
            yield from (fact for name, fact in _FACTS.items() if _has_happened(by_email.get(name)))
        by_sms = self.events.get("sms_delivery_events")
        for event in by_sms if isinstance(by_sms, list) else []:
            status = text(event.get("status")) if isinstance(event, dict) else None
            if status:
                yield "confirmed" if status.lower() == "confirmed" else "failed"


class JobStatus(Block):
    """Everything about one job."""

    job_id: str = Field(min_length=1)
    customer_reference: str | None = Field(None, alias="customer_reference_base64")
    job_state: list[str] = Field(default_factory=list)
    deliveries: list[Delivery]


class Acknowledgement(Block):
    """Somebody dealt with an alert in a site's own system; `dedupe_key` and `source_event_id` are ours, returned."""

    action: str = Field(min_length=1)
    event_id: Text = None
    notification_id: Text = None
    external_id: Text = Field(None, alias="externalId")
    actor: Text = None
    at: Moment | None = None
    comment: Text = None
    dedupe_key: Text = None
    source_event_id: Text = None

    @model_validator(mode="after")
    def _names_an_alert(self) -> "Acknowledgement":
        if not (self.dedupe_key or self.external_id or self.notification_id):
            raise ValueError("names no alert: notification_id, externalId or dedupe_key is required")
        return self


def _has_happened(told: Any) -> bool:
    """An empty object or list has not; a list of an empty object is how the vendor's sample writes an open (§4)."""
    return bool(told)


def _state(attempt: Attempt) -> str:
    return (attempt.state or "").lower()
