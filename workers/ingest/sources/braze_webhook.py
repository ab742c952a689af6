"""A webhook message of a Braze campaign becomes events; pure (braze.md §3.2).

The template is ours (docs/webhook.md): who, which message, and a `type` with fields in our own words.
"""

from datetime import datetime
from typing import Any

from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.identity import customer_of, usable_id
from workers.ingest.sources.api import Events
from workers.ingest.sources.braze_config import SYSTEM, BrazeWebhookSource
from workers.ingest.sources.envelope import Envelope
from workers.ingest.sources.reading import moment, present, text
from workers.ingest.sources.template import events_of, normal

_ATTRIBUTES = ("type", "campaign_id", "canvas_id", "message_variation_id")


class BrazeWebhookTranslation:
    """One workspace's way from a message of our template to events."""

    def __init__(self, config: BrazeWebhookSource) -> None:
        self._config = config

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The events of one message; raises InvalidEventError naming every missing or wrong field."""
        if not isinstance(signal, dict):
            raise InvalidEventError([("", "must be a JSON object, one message of our template")])
        fields, errors = normal(signal), list[tuple[str, str]]()
        word = text(fields.get("type"))
        if word is None:
            errors.append(("type", "is required: what the message says"))
        customer = self._customer(fields)
        if customer is None:
            errors.append(("user_id", "is required: of user_id and external_user_id at least one"))
        occurred_at = moment(fields.get("at"), "at", errors) or received_at
        if errors:
            raise InvalidEventError(errors)
        told = present({name: fields.get(name) for name in _ATTRIBUTES})
        natural_id, instance = _natural_id(signal, fields), self._config.instance
        envelope = Envelope(SYSTEM, instance, natural_id, occurred_at, received_at, customer, told)
        named = {"campaign": fields.get("campaign_id"), **fields}
        return events_of(word, named, envelope)

    def _customer(self, fields: dict[str, Any]) -> dict[str, Any] | None:
        known = {field.value: text(fields.get(field.value)) for field in self._config.personal_data}
        return customer_of(
            SYSTEM, self._config.instance, fields.get("external_user_id"), fields.get("user_id"), **known
        )


def _natural_id(signal: Any, fields: dict[str, Any]) -> str:
    """Dispatch, user and message, for one dispatch covers many users; without a dispatch, all that was said."""
    dispatch = usable_id(fields.get("dispatch_id"))
    if dispatch is None:
        return hash_of(canonical_json(signal))
    user = usable_id(fields.get("user_id")) or usable_id(fields.get("external_user_id"))
    return hash_of("webhook", dispatch, user, text(fields.get("message_variation_id")), text(fields.get("type")))
