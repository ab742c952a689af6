"""The CXI event JSON of Exstream's integration service, as far as we read it (exstream.md §6.1).

What we do not read is ignored: the `user` block is whatever the site's output manifest carries.
"""

import re
from typing import Any

from pydantic import Field

from workers.ingest.sources.reading import Block, Moment, text

_QUEUE_FILE = re.compile(r"/jobs/(?P<job>[^/]+)/[^/]+/docgen/")
"""Job and flow instance are named in paths only: `/jobs/<jobId>/<flowInstanceId>/docgen/<stepId>/`."""


class Envelope(Block):
    """`expctr`: what kind of event this is and whose."""

    schema_type: str = Field(alias="schemaType", min_length=1)
    tenant: str = Field(min_length=1)
    event_id: str | None = Field(None, alias="eventId")
    event_date: Moment | None = Field(None, alias="eventDate")


class Communication(Block):
    """`exstreamJob` or `exstreamEmailStatistics`: which communication, when, and how it went."""

    communication_id: str = Field(alias="communicationId", min_length=1)
    creation_time: Moment = Field(alias="creationTime")
    campaign_id: str | None = Field(None, alias="campaignId")
    domain: str | None = None
    status: str | None = None
    event_type: str | None = Field(None, alias="eventType")
    email: str | None = Field(None, alias="customerEmailId")


class CxiEvent(Block):
    """One event. An event type that we do not know may lack both blocks."""

    envelope: Envelope = Field(alias="expctr")
    user: dict[str, Any] = Field(default_factory=dict)
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
