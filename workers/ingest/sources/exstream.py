"""Exstream's CXI events become communication events; pure (exstream.md §6.1, design §12 first bullet)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, event_id, hash_of
from workers.ingest.identity import customer_of, usable_id
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.exstream_config import (
    EMAIL_STATUSES,
    Channel,
    ExstreamSource,
    OutputChannel,
    PersonalField,
    Status,
)
from workers.ingest.sources.exstream_payload import Communication, CxiEvent, at, read, text

SOURCE = "exstream"
TOPIC = "comms.communication.v1"

_PREFIX = "Exstream-"
_EMAIL = "Email-"
_FAILED = "-Failed"
_USER_FIELDS = {
    PersonalField.FIRST_NAME: "CustomerFirstname",
    PersonalField.LAST_NAME: "CustomerLastname",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a schema type says: the status, the channel, and the site's name of the output channel."""

    status: Status
    channel: Channel | None = None
    output_channel: str | None = None


class ExstreamTranslation:
    """One site's way from a CXI event to a communication event."""

    def __init__(self, config: ExstreamSource) -> None:
        self._config = config
        self._email_statuses = {**EMAIL_STATUSES, **config.email_statuses}

    def __call__(self, signal: Any, received_at: datetime) -> NewEvent:
        """The event of one signal; raises InvalidEventError naming every missing or wrong field."""
        event = read(signal)
        meaning = meaning_of(event.envelope.schema_type, self._config.channels, self._email_statuses)
        if meaning.status is not Status.UNKNOWN and event.communication is None:
            raise InvalidEventError([("exstreamJob", "is missing, and so is exstreamEmailStatistics")])
        return NewEvent(TOPIC, self._value(signal, event, meaning, received_at))

    def _value(self, signal: Any, event: CxiEvent, meaning: Meaning, received_at: datetime) -> dict[str, Any]:
        communication = event.communication
        communication_id = communication.communication_id if communication else None
        occurred_at = occurred_at_of(event) or received_at
        config = self._config
        return {
            "event_id": event_id(SOURCE, natural_id(signal, event)),
            "type": meaning.status.value,
            "source": SOURCE,
            "source_instance": (communication and communication.domain) or event.envelope.tenant,
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
