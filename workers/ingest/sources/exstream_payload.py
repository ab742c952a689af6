"""The CXI event JSON of Exstream's integration service, as far as we read it (exstream.md §6.1).

What we do not read is ignored: the `user` block is whatever the site's output manifest carries.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from common.errors import InvalidEventError

_QUEUE_FILE = re.compile(r"/jobs/(?P<job>[^/]+)/[^/]+/docgen/")
"""Job and flow instance are named in paths only: `/jobs/<jobId>/<flowInstanceId>/docgen/<stepId>/`."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""ISO 8601 with a zone, or epoch milliseconds: Exstream writes either (exstream.md §3)."""


class _Block(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Envelope(_Block):
    """`expctr`: what kind of event this is and whose."""

    schema_type: str = Field(alias="schemaType", min_length=1)
    tenant: str = Field(min_length=1)
    event_id: str | None = Field(None, alias="eventId")
    event_date: Moment | None = Field(None, alias="eventDate")


class Communication(_Block):
    """`exstreamJob` or `exstreamEmailStatistics`: which communication, when, and how it went."""

    communication_id: str = Field(alias="communicationId", min_length=1)
    creation_time: Moment = Field(alias="creationTime")
    campaign_id: str | None = Field(None, alias="campaignId")
    domain: str | None = None
    status: str | None = None
    event_type: str | None = Field(None, alias="eventType")
    email: str | None = Field(None, alias="customerEmailId")


class CxiEvent(_Block):
    """One event. An event type that we do not know may lack both blocks."""

    envelope: Envelope = Field(alias="expctr")
    user: dict[str, Any] = {}
    by_email: Communication | None = Field(None, alias="exstreamEmailStatistics")
    by_job: Communication | None = Field(None, alias="exstreamJob")

    @property
    def communication(self) -> Communication | None:
        """The block that it has."""
        return self.by_email or self.by_job

    @property
    def email(self) -> str | None:
        """The recipient's address, where the event names one."""
        return (self.by_email and self.by_email.email) or text(self.user.get("CustomerEmail"))

    @property
    def job_id(self) -> str | None:
        """The job that made the document, where a file path tells."""
        found = _QUEUE_FILE.search(text(self.user.get("QueueFilename")) or "")
        return found["job"] if found else None


def read(signal: Any) -> CxiEvent:
    """The event in a signal; raises InvalidEventError naming every missing or wrong field."""
    if not isinstance(signal, dict):
        raise InvalidEventError([("", "must be a JSON object, one CXI event")])
    try:
        return CxiEvent.model_validate(signal)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidEventError([(".".join(map(str, one["loc"])), one["msg"]) for one in details]) from None


def text(value: Any) -> str | None:
    """A value of the `user` block, whose values are all strings; empty ones are as good as absent."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def at(signal: Any, path: str) -> str | None:
    """The text at a dotted path of a signal, None where nothing stands there."""
    for name in path.split("."):
        if not isinstance(signal, dict):
            return None
        signal = signal.get(name)
    return text(signal)
