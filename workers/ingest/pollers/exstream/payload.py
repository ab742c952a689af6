"""Rows of Exstream's lists, as far as we read them (§4.1, §4.2, §5.1)."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from workers.ingest.sources.reading import Block, Text
from workers.vendors.exstream.moments import moment

Id = Annotated[str, Field(min_length=1)]
When = Annotated[datetime | None, BeforeValidator(lambda value: moment(value))]
"""Epoch milliseconds, or ISO 8601 (§3); None for anything else."""


class Job(Block):
    """A job (§4.1)."""

    id: Id
    status: Id
    channel: Text = None
    mode: Text = None
    external_id: Text = Field(None, alias="externalId")
    triggered_by: Text = Field(None, alias="triggeredBy")
    flow_model_type: Text = Field(None, alias="flowModelType")
    started_at: When = Field(None, alias="startDate")
    ended_at: When = Field(None, alias="endDate")


class Step(Block):
    """A flow step (§4.2)."""

    id: Text = None
    name: Text = Field(None, alias="stepName")
    kind: Text = Field(None, alias="stepType")
    status: Text = None
    ended_at: When = Field(None, alias="endDate")


class JobSignal(Block):
    """A job with what was asked about it; `volume` and `steps` are those of a job that ended."""

    job: Job
    steps: tuple[Step, ...] = ()
    volume: int | None = None


class Resource(Block):
    """An asset of the design service (§5.1)."""

    id: Id
    state: Id
    version: Text = None
    name: Text = None
    type: Text = None
    changed_by: Text = Field(None, alias="lastModifiedBy")
    metadata: Any = None
    changed_at: When = Field(None, alias="lastModifiedDate")


class FlowModel(Block):
    """A flow model as it is published (§4.4)."""

    id: Id
    version: Text = None
    revision: Text = None
    name: Text = None
    type: Text = None


class FlowModelSignal(Block):
    """A flow model, and whether it was published before anybody looked."""

    flow_model: FlowModel
    is_first: bool


class ResourceSignal(Block):
    """A resource, and since when changes are told."""

    resource: Resource
    since: datetime
