"""Rows of Marketo's log as events (§2.10, §2.11 of the vendor page). Pure.

A row travels with the person behind its lead: `{"row": …, "person": …}`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workers.ingest.event_id import event_id
from workers.ingest.feeds import Signal
from workers.ingest.identity import customer_of, substitute_id
from workers.ingest.pollers.marketo.config import SIGNALS, Engagement, MarketoPollerConfig
from workers.ingest.pollers.marketo.engagement import engagement
from workers.ingest.pollers.marketo.people import NAMES
from workers.ingest.pollers.marketo.rows import attributes, checked, moment_of, text, whole
from workers.ingest.sources.api import NewEvent
from workers.vendors.marketo.consent import ConsentRule, plain

SOURCE = "marketo"
ENGAGEMENT, PREFERENCE, PROFILE = "comms.engagement.v1", "comms.preference.v1", "comms.profile.v1"

_STATES = {
    "CONSENT": ("OPTED_IN", "OPTED_OUT"),
    "PAPERLESS": ("ON", "OFF"),
    "SUBSCRIPTION": ("SUBSCRIBED", "OPTED_OUT"),
    "SUPPRESSION": ("ON", "OFF"),
}
_CHANNELS = ("PRINT", "EMAIL", "WEB", "SMS", "PUSH", "ARCHIVE")
_KEPT = ("Campaign Run ID", "Choice Number", "Device", "Platform", "Category", "Subcategory", "Reason", "New Status")


class MarketoTranslation:
    """One site's way from rows to events."""

    def __init__(self, config: MarketoPollerConfig) -> None:
        self._config, self._named = config, config.named
        self._profile = {name: field for field, name in config.profile.items()}

    def activity(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """An activity: what somebody did, and what it says of them. Raises InvalidEventError."""
        row = checked(signal["row"])
        if row["activityTypeId"] == 32:
            return self._merged(row, signal["person"], received_at)
        kind = self._config.activities.get(row["activityTypeId"], Engagement.UNKNOWN)
        value = {
            **self._envelope(row, signal["person"], received_at),
            "type": kind.value,
            **engagement(kind, row),
        }
        told = NewEvent(ENGAGEMENT, value, signal=SIGNALS.get(kind))
        return [told, *self._facts(kind, row, signal["person"], received_at)]

    def change(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """Changed lead fields: wishes, the profile, and the customer id that a lead gets. Raises InvalidEventError."""
        row = checked(signal["row"])
        changed = {
            str(each["name"]): each.get("newValue")
            for each in row.get("fields") or ()
            if isinstance(each, dict) and each.get("name")
        }
        return [
            *self._linked(row, signal["person"], changed, received_at),
            *self._wishes(row, signal["person"], changed, received_at),
            *self._profile_changes(row, signal["person"], changed, received_at),
        ]

    def deleted(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """A lead is gone from Marketo. That is no erasure: people tidy up leads. Raises InvalidEventError."""
        row = checked(signal["row"])
        envelope = self._envelope(row, signal["person"], received_at)
        value = {**envelope, "type": "CHANGED", "cleared": ["marketo_lead_id"]}
        return [NewEvent(PROFILE, value, signal=Signal.PROFILE)]

    def _merged(self, row: Mapping[str, Any], person: Any, received_at: datetime) -> list[NewEvent]:
        """The losing leads are the winner's now: what was kept under their substitutes is this customer's (§2.3)."""
        losers = [each.strip() for each in str(attributes(row).get("Merge IDs") or "").split(",") if each.strip()]
        return [self._link(row, person, loser, received_at) for loser in losers if loser.isdecimal()]

    def _linked(self, row: Mapping[str, Any], person: Any, changed: Mapping[str, Any], at: datetime) -> list[NewEvent]:
        """A lead has got a customer id: its substitute is that customer (design §4)."""
        if not changed.get(self._config.customer_id_field):
            return []
        named = {**person, self._config.customer_id_field: changed[self._config.customer_id_field]}
        made = self._link(row, named, str(row["leadId"]), at)
        return [made] if (made.value["customer"] or {}).get("resolved") else []

    def _link(self, row: Mapping[str, Any], person: Any, lead: str, at: datetime) -> NewEvent:
        envelope = self._envelope(row, person, at, f"link:{lead}")
        return NewEvent(
            PROFILE,
            {**envelope, "type": "LINKED", "substitute_id": substitute_id(SOURCE, self._named, lead)},
        )

    def _wishes(self, row: Mapping[str, Any], person: Any, changed: Mapping[str, Any], at: datetime) -> list[NewEvent]:
        rules = [rule for rule in self._config.consent if rule.field in changed]
        return [self._wish(row, person, rule, changed[rule.field], at) for rule in rules]

    def _wish(self, row: Mapping[str, Any], person: Any, rule: ConsentRule, new: Any, at: datetime) -> NewEvent:
        envelope = self._envelope(
            row, person, at, "|".join(map(str, (rule.kind, rule.channel, rule.purpose, rule.field)))
        )
        by = str(attributes(row).get("Source") or "")
        return NewEvent(
            PREFERENCE,
            {
                **envelope,
                "type": "CHANGED",
                "actor": {"kind": "CUSTOMER" if by == "Web form fillout" else "SYSTEM", "id": None},
                "kind": rule.kind,
                "channel": rule.channel,
                "purpose": rule.purpose,
                "subscription_group": rule.subscription_group,
                **_state(rule, new),
                "effective_at": envelope["occurred_at"],
                "evidence": "EXPLICIT",
                "proof": f"Marketo activity {row.get('marketoGUID')}: {by or 'no source'}"[:200],
            },
            signal=Signal.SUBSCRIPTION,
        )

    def _profile_changes(
        self, row: Mapping[str, Any], person: Any, changed: Mapping[str, Any], at: datetime
    ) -> list[NewEvent]:
        ours = {self._profile[name].value: new for name, new in changed.items() if name in self._profile}
        if not ours:
            return []
        values = {name: None if new in (None, "") else str(new) for name, new in ours.items()}
        cleared = sorted(name for name, new in values.items() if new is None)
        envelope = self._envelope(row, person, at, "profile")
        value = {**envelope, "type": "CHANGED", **values, "cleared": cleared}
        return [NewEvent(PROFILE, value, signal=Signal.PROFILE)]

    def _facts(self, kind: Engagement, row: Mapping[str, Any], person: Any, at: datetime) -> list[NewEvent]:
        """What an activity says of the person beside what was done: a new score, a programme that they are in."""
        told: dict[str, Any] = {}
        if kind is Engagement.SCORE_CHANGED:
            told = {"lead_score": whole(attributes(row).get("New Value"))}
        elif kind is Engagement.CAMPAIGN_RESPONDED and (program := text(row.get("primaryAttributeValue"))):
            told = {"campaign": program, "memberships": [program]}
        if not any(told.values()) and told.get("lead_score") != 0:
            return []
        value = {**self._envelope(row, person, at, "profile"), "type": "CHANGED", **told}
        return [NewEvent(PROFILE, value, signal=Signal.PROFILE)]

    def _envelope(self, row: Mapping[str, Any], person: Any, at: datetime, part: str = "") -> dict[str, Any]:
        config, lead = self._config, str(row["leadId"])
        natural = f"{self._named}:{row['marketoGUID']}" + (f":{part}" if part else "")
        known = {field.value: text(person.get(NAMES[field])) for field in config.personal_data}
        said = attributes(row)
        kept = {name: said.get(name) for name in _KEPT} | {"activity_type": row["activityTypeId"]}
        return {
            "event_id": event_id(SOURCE, natural),
            "source": SOURCE,
            "source_instance": self._named,
            "occurred_at": moment_of(row),
            "ingested_at": at,
            "customer": customer_of(
                SOURCE, self._named, person.get(config.customer_id_field), lead, marketo_lead_id=lead, **known
            ),
            "attributes": {_snake(name): str(value) for name, value in kept.items() if value not in (None, "")},
        }


def _state(rule: ConsentRule, new: Any) -> dict[str, Any]:
    """A value that is neither is UNKNOWN, which counts as opted out."""
    if rule.kind == "PREFERRED_CHANNEL":
        channel = plain(new).upper()
        return {"state": None, "preferred_channel": channel if channel in _CHANNELS else None}
    yes, no = _STATES[rule.kind]
    value = plain(new)
    if value == plain(rule.opted_in):
        return {"state": yes}
    # an emptied flag is a flag that is off
    return {"state": no if value == plain(rule.opted_out) else _emptied(rule, value, yes, no)}


def _emptied(rule: ConsentRule, value: str, yes: str, no: str) -> str:
    if value:
        return "UNKNOWN"
    return yes if plain(rule.opted_in) == "false" else no


def _snake(name: str) -> str:
    return name.lower().replace(" ", "_")
