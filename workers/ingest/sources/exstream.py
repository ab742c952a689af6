"""Exstream's CXI events become communication events; pure (exstream.md §6.1, design §12 first bullet)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, event_id, hash_of
from workers.ingest.feeds import Signal
from workers.ingest.identity import customer_of, usable_id
from workers.ingest.sources.api import Events, NewEvent
from workers.ingest.sources.exstream_config import (
    EMAIL_STATUSES,
    WISHES,
    ExstreamSource,
    OutputChannel,
    PersonalField,
    Status,
    Wish,
)
from workers.ingest.sources.exstream_payload import Communication, CxiEvent
from workers.ingest.sources.reading import at, read, text
from workers.ingest.sources.words import Channel, Evidence, PreferenceKind, PreferenceState

SOURCE = "exstream"
TOPIC = "comms.communication.v1"
PREFERENCES = "comms.preference.v1"

_PREFIX = "Exstream-"
_EMAIL = "Email-"
_FAILED = "-Failed"
_USER_FIELDS = {
    PersonalField.FIRST_NAME: "CustomerFirstname",
    PersonalField.LAST_NAME: "CustomerLastname",
}


_SHARED = ("source", "source_instance", "occurred_at", "ingested_at", "customer")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a schema type says: the status, the channel, and the site's name of the output channel."""

    status: Status
    channel: Channel | None = None
    output_channel: str | None = None

    @property
    def is_email(self) -> bool:
        """Whether its carrier tells of it, not Exstream's own channels."""
        return self.channel is Channel.EMAIL and self.output_channel in (None, "Email")


class ExstreamTranslation:
    """One site's way from a CXI event to a communication event."""

    def __init__(self, config: ExstreamSource) -> None:
        self._config = config
        self._email_statuses = {**EMAIL_STATUSES, **config.email_statuses}
        self._wish_of = {**WISHES, **{name.lower(): wish for name, wish in config.delivery_preferences.items()}}

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """What one signal says; raises InvalidEventError naming every missing or wrong field.

        That is what became of a document, that it is completed by it, and the customer's wish that it carries.
        """
        event = read(CxiEvent, signal, "one CXI event")
        meaning = meaning_of(event.envelope.schema_type, self._config.channels, self._email_statuses)
        if meaning.status is not Status.UNKNOWN and event.communication is None:
            raise InvalidEventError([("exstreamJob", "is missing, and so is exstreamEmailStatistics")])
        value = self._value(signal, event, meaning, received_at)
        told = _signal_of(meaning)
        wishes = self._wishes(signal, value)
        return [NewEvent(TOPIC, value, signal=told), *self._completed(value, meaning, told), *wishes]

    def _completed(self, value: dict[str, Any], meaning: Meaning, told: Signal | None) -> Iterator[NewEvent]:
        """Once per document: whatever its channels, the event has one id."""
        if meaning.status in self._config.completed_by and value["document_id"]:
            own_id = event_id(SOURCE, hash_of("completed", value["source_instance"], value["document_id"]))
            completed = Status.COMPLETED.value
            yield NewEvent(TOPIC, {**value, "event_id": own_id, "type": completed, "failure_reason": None}, signal=told)

    def _wishes(self, signal: Any, value: dict[str, Any]) -> Iterator[NewEvent]:
        """The customer's wish, observed: it is repeated in every event and never overrides what they said."""
        path = self._config.delivery_preference_path
        said = at(signal, path) if path else None
        if said is None or value["customer"] is None:
            return
        for report in reports_of(self._wish_of.get(said.lower())):
            kind = report["kind"]
            wish = {
                **{name: value[name] for name in _SHARED},
                "event_id": event_id(SOURCE, f"{value['event_id']}\n{kind}"),
                "type": "CHANGED" if kind != "UNKNOWN" else "UNKNOWN",
                "attributes": {"delivery_preference": said[:100]},
                "effective_at": value["occurred_at"],
                "evidence": Evidence.OBSERVED.value,
                **report,
            }
            yield NewEvent(PREFERENCES, wish, signal=Signal.DELIVERY_PREFERENCE)

    def _value(self, signal: Any, event: CxiEvent, meaning: Meaning, received_at: datetime) -> dict[str, Any]:
        communication = event.communication
        communication_id = communication.communication_id if communication else None
        occurred_at = occurred_at_of(event) or received_at
        config = self._config
        return {
            "event_id": event_id(SOURCE, natural_id(signal, event)),
            "type": meaning.status.value,
            "source": SOURCE,
            "source_instance": config.instance or (communication and communication.domain) or event.envelope.tenant,
            "occurred_at": occurred_at,
            "ingested_at": received_at,
            "customer": self._customer(signal, event),
            "attributes": self._attributes(event, meaning),
            "communication_id": communication_id,
            "document_type": config.document_types.get(communication_id or ""),
            "document_id": at(signal, config.document_id_path) if config.document_id_path else None,
            "channel": meaning.channel.value if meaning.channel else None,
            "job_id": event.job_id,
            "failure_reason": failure_reason(meaning, communication),
            "delivered_at": occurred_at if meaning.status is Status.DELIVERED else None,
            **{field.value: at(signal, path) for field, path in config.field_paths.items()},
        }

    def _customer(self, signal: Any, event: CxiEvent) -> dict[str, Any] | None:
        """The site's own id, else a substitute; None for a file of many customers, which names nobody."""
        personal = self._personal_data(event)
        found = (usable_id(at(signal, path)) for path in self._config.identity_paths)
        site_id = next(filter(None, found), None)
        local_id = text(event.user.get("CustomerId"))
        return customer_of(SOURCE, event.envelope.tenant, site_id, local_id, event.email, **personal)

    def _personal_data(self, event: CxiEvent) -> dict[str, str | None]:
        allowed = self._config.personal_data
        names = {field: text(event.user.get(name)) for field, name in _USER_FIELDS.items()}
        known = {PersonalField.EMAIL: event.email, **names}
        return {field.value: value for field, value in known.items() if field in allowed}

    def _attributes(self, event: CxiEvent, meaning: Meaning) -> dict[str, str]:
        communication = event.communication
        ours = {
            "schema_type": event.envelope.schema_type,
            "campaign_id": communication and communication.campaign_id,
            "event_type": communication and communication.event_type,
            "output_channel": meaning.output_channel,
        }
        site = {name: text(event.user.get(name)) for name in self._config.attributes}
        return {name: value for name, value in {**site, **ours}.items() if value}


def meaning_of(
    schema_type: str, channels: Mapping[str, OutputChannel], email_statuses: Mapping[str, Status]
) -> Meaning:
    """What `expctr.schemaType` says. Channel names are the site's own, so they come before guesses."""
    kind = schema_type.removeprefix(_PREFIX)
    if kind == schema_type:
        return Meaning(Status.UNKNOWN)
    if kind == "Generated":
        return Meaning(Status.GENERATED)
    if kind in channels:
        return Meaning(channels[kind].status, channels[kind].channel, kind)
    if kind.endswith(_FAILED):
        return _failed(kind.removesuffix(_FAILED), channels)
    if kind.startswith(_EMAIL):
        return Meaning(email_statuses.get(kind.removeprefix(_EMAIL), Status.UNKNOWN), Channel.EMAIL)
    return Meaning(Status.UNKNOWN, output_channel=kind)


def _failed(name: str, channels: Mapping[str, OutputChannel]) -> Meaning:
    if name in channels:
        return Meaning(Status.FAILED, channels[name].channel, name)
    return Meaning(Status.FAILED, Channel.EMAIL if name == "Email" else None, name)


def _signal_of(meaning: Meaning) -> Signal | None:
    if meaning.status is Status.UNKNOWN:
        return None
    return Signal.EMAIL_STATUS if meaning.is_email else Signal.DOCUMENT_STATUS


def reports_of(wish: Wish | None) -> list[dict[str, Any]]:
    """The fields of each report that a wish is; a wish that we have no word for is kept as such."""
    if wish is None:
        return [{"kind": "UNKNOWN"}]
    found: list[dict[str, Any]] = []
    if wish.preferred_channel:
        kind = PreferenceKind.PREFERRED_CHANNEL.value
        found.append({"kind": kind, "preferred_channel": wish.preferred_channel.value})
    if wish.paperless is not None:
        state = PreferenceState.ON if wish.paperless else PreferenceState.OFF
        found.append({"kind": PreferenceKind.PAPERLESS.value, "state": state.value})
    if wish.opted_out:
        state, channel = PreferenceState.OPTED_OUT, wish.opted_out.value
        found.append({"kind": PreferenceKind.CONSENT.value, "channel": channel, "state": state.value})
    return found


def natural_id(signal: Any, event: CxiEvent) -> str:
    """Exstream's own event id; else the parts that make an event one (its e-mail events have no id)."""
    envelope, communication = event.envelope, event.communication
    if envelope.event_id:
        return envelope.event_id
    if communication is None:
        return hash_of(canonical_json(signal))
    return hash_of(
        envelope.schema_type,
        envelope.tenant,
        communication.communication_id,
        text(event.user.get("CustomerId")) or communication.email,
        communication.creation_time.isoformat(),
    )


def occurred_at_of(event: CxiEvent) -> datetime | None:
    """When it happened: the event's own date, else the time that its block carries."""
    communication = event.communication
    return event.envelope.event_date or (communication.creation_time if communication else None)


def failure_reason(meaning: Meaning, communication: Communication | None) -> str | None:
    """The carrier's or the job's word for what went wrong, of an event that says something did."""
    if communication is None or meaning.status not in {Status.FAILED, Status.BOUNCED}:
        return None
    return communication.event_type or communication.status
