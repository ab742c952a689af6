"""Delivery metadata as a site's own sender posts it beside Exstream's events (exstream.md §6.4)."""

from typing import Annotated

from pydantic import Field

from workers.ingest.sources.reading import Block, Moment, Text

Count = Annotated[int, Field(ge=0, lt=2**63)]


class Where(Block):
    """Which Exstream."""

    tenant: Text = None
    domain: Text = None


class Batch(Block):
    """A batch run."""

    job_id: Text = None
    external_id: Text = None
    doc_type: Text = None
    volume: Count | None = None
    channel: Text = None
    status: Text = None
    errors: Count | None = None


class Design(Block):
    """A communication's design: a template, a clause, a component."""

    id: Text = None
    name: Text = None
    version: Text = None
    type: Text = None
    doc_type: Text = None
    regions: list[str] = Field(default_factory=list)
    reviewers: list[str] = Field(default_factory=list)
    approved_by: Text = None


class Recipient(Block):
    """Whom it is for."""

    customer_id: Text = None
    email: Text = None


class Delivery(Block):
    """What became of it."""

    channel: Text = None
    status: Text = None
    reason: Text = None
    attempted_at: Moment | None = None
    next_action: Text = None


class Document(Block):
    """This very document."""

    id: Text = None
    ref: Text = None


class Response(Block):
    """The customer's answer."""

    kind: str = Field(min_length=1)
    value: Text = None


class DeliverySignal(Block):
    """One event of the site's sender; `event_type` is `exstream.<subject>.<word>`."""

    event_type: str = Field(min_length=1)
    occurred_at: Moment
    event_id: Text = None
    source: Where = Field(default_factory=Where)
    batch: Batch = Field(default_factory=Batch)
    communication: Design = Field(default_factory=Design)
    recipient: Recipient = Field(default_factory=Recipient)
    delivery: Delivery = Field(default_factory=Delivery)
    document: Document = Field(default_factory=Document)
    response: Response | None = None
