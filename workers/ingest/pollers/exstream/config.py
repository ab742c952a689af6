"""Settings of the Exstream poller. Page sections are those of the Exstream vendor page."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from workers.ingest.feeds import Signal
from workers.ingest.pollers.config import PollerConfig
from workers.ingest.sources.words import Channel
from workers.vendors.exstream.account import ExstreamAccount

ResourceType = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


class OffsetCounts(StrEnum):
    """What `offset` of a list counts."""

    PAGES = "pages"
    ROWS = "rows"


class MetadataField(StrEnum):
    """Fields of a content event that a resource's metadata may hold."""

    DOCUMENT_TYPE = "document_type"
    REGIONS = "regions"
    REVIEWERS = "reviewers"


class ExstreamPollerConfig(PollerConfig, ExstreamAccount):
    """What is read of one domain: batch jobs with their steps and manifests, and the approval of content."""

    SYSTEM: ClassVar[str] = "exstream"
    OFFERS: ClassVar[frozenset[Signal]] = frozenset({Signal.BATCH_STATUS, Signal.CONTENT_STATUS})

    document_types: dict[str, str] = Field(
        default_factory=dict,
        description="Input channel of a job, or id or name of a communication -> the site's document type; a job's "
        "channel stays as it is, content has none.",
    )
    channels: dict[str, Channel] = Field(
        default_factory=dict,
        description="Output channel, by the name of its step -> how it reaches the customer; names such as Email and "
        "Print need no line. A job that shows no output step takes its input channel's.",
    )
    content: dict[ResourceType, str] = Field(
        default_factory=lambda: {"exstrapplication": "template"},
        min_length=1,
        description="Types of resources whose approval is followed (§5.1) -> our content type.",
        json_schema_extra={"default_text": "exstrapplication is a template"},
    )
    content_metadata: dict[MetadataField, str] = Field(
        default_factory=dict,
        description="Field of our content event -> name in the resource's metadata (§5.1): a list, or a text with "
        "commas. `document_types` comes first for the document type.",
    )
    flow_models: bool = Field(
        True, description="Whether the publishing of flow models is followed, too (§4.4); it needs orchestration."
    )
    content_every_s: float = Field(
        300,
        ge=10,
        le=86_400,
        description="Seconds between two looks at approvals and publications: all of them are listed (§5.2).",
    )
    page_size: int = Field(100, ge=10, le=1000, description="Rows of a page that are asked for (§4.1, §5.1).")
    offset_counts: OffsetCounts = Field(
        OffsetCounts.PAGES,
        description="What `offset` counts: pages (§5.1), or rows. What is wrong is noticed on a second page.",
    )
    requests_per_20_s: int = Field(
        40, ge=1, le=1000, description="Requests of the poller in any 20 seconds: 2 a second is what §9 advises."
    )
    requests_per_day: int = Field(
        200_000, ge=100, description="Requests of the poller in a day (UTC); Exstream itself names no quota (§12)."
    )

    @property
    def named(self) -> str:
        """The domain."""
        return self.domain
