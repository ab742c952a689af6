"""Settings of the Exstream sink. Page sections are those of the Exstream vendor page.

What the page marks as inferred or unknown is a setting, with what the page proposes as its default.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from common.http_limits import HttpLimits
from common.settings.sections import Section
from workers.sinks.config import SinkConfig
from workers.sinks.exstream.communications import HEADER_NAME, CommunicationConfig, HeaderName
from workers.vendors.exstream.account import ExstreamAccount


class CsrfConfig(Section):
    """The cookie and header that self-hosted input channels want beside the token (§1)."""

    get_path: str = Field(pattern=r"^/[!-~]{0,500}$", description="Path of the GET whose answer sets the cookie.")
    cookie: str = Field("csrfToken", pattern=HEADER_NAME, description="Name of the cookie; differs by version (§1).")
    header: HeaderName = Field("X-XSRF-TOKEN", description="Header that its value is sent back in (§1).")


class ApiConfig(ExstreamAccount):
    """Where Exstream is, and who we are there (§1), as far as documents are started."""

    account: str | None = Field(
        None,
        min_length=1,
        max_length=400,
        description="Our account as jobs show it in triggeredBy (§8): a look-up reads the inputs of its jobs only.",
    )
    csrf: CsrfConfig | None = Field(None, description="Where input channels want a CSRF token as well (§1).")
    check_approval: bool = Field(
        True, description="Ask the design service whether a communication is APPROVED before it is used (§5.3)."
    )
    approval_valid_s: float = Field(
        3600, ge=1, le=86_400, description="Seconds after which the approval of a communication is asked again (§5.3)."
    )


class FeedFormat(StrEnum):
    """How a file of preferences is written."""

    CSV = "csv"
    JSON = "json"


FEED_FIELDS = (
    "event_id", "customer_id", "kind", "channel", "purpose", "subscription_group", "preferred_channel", "state",
    "effective_at",
)  # fmt: skip


class FeedConfig(Section):
    """Files of preferences, dropped where a directory channel picks them up (§3)."""

    directory: Path = Field(description="The channel's input directory, as this worker sees it (NFS); it must exist.")
    prefix: str = Field(
        "preferences-", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$", description="What file names begin with (§3)."
    )
    format: FeedFormat = Field(
        FeedFormat.CSV, description="csv with a header line and every field quoted, or json: a record a line."
    )
    columns: dict[str, Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=lambda: {name: name for name in FEED_FIELDS},
        description="Which fields are written, and as what, such as {preferred_channel: DeliveryPreference} (§7).",
    )
    max_records: int = Field(1000, ge=1, le=10_000, description="Records in one file.")

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = [name for name in columns if name not in FEED_FIELDS]
        if unknown or "customer_id" not in columns:
            raise ValueError(f"takes {', '.join(FEED_FIELDS)}; customer_id must be among them")
        if len(set(columns.values())) < len(columns):
            raise ValueError("two fields have the same column")
        return columns


class ExstreamConfig(SinkConfig):
    """What is generated, and how Exstream is reached."""

    max_in_flight: int = Field(4, ge=1, le=256, description="Requests at once: at most the engine slots (§2, §9).")
    read_timeout_s: float = Field(
        120, gt=0, le=600, description="Seconds to wait for an answer: requests queue for engine slots (§2)."
    )
    base_backoff_s: float = Field(5, gt=0, le=60, description="Longest first wait before a repeat, seconds (§9).")
    patience_s: float = Field(
        900,
        gt=0,
        le=3600,
        description="Seconds that a deferred delivery waits in memory; under settle_after_s and a minute, a job "
        "that was not found is a dead letter instead of being started again.",
    )
    api: ApiConfig | None = Field(None, description="Exstream's services, for start_service.")
    communications: dict[Annotated[str, Field(min_length=1, max_length=200)], CommunicationConfig] = Field(
        default_factory=dict, description="What start_service can start, by the names that flows use."
    )
    feed: FeedConfig | None = Field(None, description="Files of preferences, for publish_preferences.")
    max_body_bytes: int = Field(
        1_000_000,
        ge=1_000,
        le=50_000_000,
        description="Bytes of one driver data document, or of one file of the feed; the vendor's limit is not "
        "documented (§12). A larger one is a dead letter.",
    )
    max_answer_bytes: int = Field(
        32_000_000, ge=100_000, le=500_000_000, description="Bytes of one answer: a document comes with it (§2)."
    )
    requests_per_second: int = Field(
        2, ge=1, le=1000, description="Requests of the whole fleet in a second, on average of 20 (§9)."
    )
    settle_after_s: float = Field(
        300, ge=0, le=3600, description="Seconds before a job whose answer was lost is looked for; not found three "
        "times after it, it is started again (§8)."
    )  # fmt: skip

    def http_limits(self) -> HttpLimits:
        """As every sink's; answers may be larger."""
        return HttpLimits(
            connect_s=self.connect_timeout_s,
            read_s=self.read_timeout_s,
            connections=self.max_in_flight + 1,
            ca_file=self.ca_file,
            answer_bytes=self.max_answer_bytes,
        )
