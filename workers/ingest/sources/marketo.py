"""What Marketo's flow step *Call Webhook* posts becomes events; pure (marketo.md §2.13).

Its payload is a template of the site's (docs/webhook.md has one): the person, the campaign, a time, and a `type` with
fields in our own words. What an empty token becomes is not documented, so every value may be empty.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.identity import customer_of, usable_id
from workers.ingest.sources.api import Events
from workers.ingest.sources.envelope import Envelope
from workers.ingest.sources.marketo_config import MarketoSource
from workers.ingest.sources.reading import at, present, text
from workers.ingest.sources.template import events_of, normal

SOURCE = "marketo"

_ATTRIBUTES = ("type", "campaign_id", "program", "trigger_name", "at")


class MarketoTranslation:
    """One instance's way from a webhook call to events."""

    def __init__(self, config: MarketoSource) -> None:
        self._config, self._zone = config, ZoneInfo(config.time_zone)

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The events of one call; raises InvalidEventError naming every missing or wrong field."""
        if not isinstance(signal, dict):
            raise InvalidEventError([("", "must be an object, one call of a webhook")])
        fields = normal(signal)
        customer = self._customer(signal, fields)
        if customer is None:
            raise InvalidEventError([("leadId", "is required: {{lead.Id}} in the template")])
        told = present({name: fields.get(name) for name in _ATTRIBUTES})
        occurred_at, instance = self._moment(text(fields.get("at"))) or received_at, self._config.instance
        own_id = natural_id(instance, signal, fields)
        envelope = Envelope(SOURCE, instance, own_id, occurred_at, received_at, customer, told)
        word = text(fields.get("type")) or self._config.types.get(text(fields.get("trigger_name")) or "")
        named = {"campaign": fields.get("program") or fields.get("campaign_id"), **fields}
        return events_of(word, named, envelope)

    def _customer(self, signal: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any] | None:
        """The lead field that holds the site's own id; else the lead, as Marketo numbers it."""
        found = (usable_id(at(signal, path)) for path in self._config.identity_paths)
        own, lead = next(filter(None, found), None), usable_id(fields.get("lead_id"))
        known = {field.value: text(fields.get(field.value)) for field in self._config.personal_data}
        return customer_of(SOURCE, self._config.instance, own, lead, marketo_lead_id=lead, **known)

    def _moment(self, said: str | None) -> datetime | None:
        """How a time token is written is not documented: ISO 8601 is read, another one leaves the time of receipt."""
        try:
            found = datetime.fromisoformat(said or "")
            return (found if found.tzinfo else found.replace(tzinfo=self._zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def natural_id(instance: str, signal: Any, fields: dict[str, Any]) -> str:
    """An id of the template's own; else who, which campaign, when and what: there is nothing better."""
    if own := usable_id(fields.get("event_id")):
        return hash_of("webhook", instance, own)
    if text(fields.get("at")) is None:
        return hash_of("webhook", instance, canonical_json(signal))
    parts = ("campaign_id", "lead_id", "at", "type", "trigger_name")
    return hash_of("webhook", instance, *(text(fields.get(name)) for name in parts))
