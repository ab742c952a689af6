"""Settings of the Braze poller. Page sections are those of the Braze vendor page."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from workers.ingest.feeds import Signal
from workers.ingest.pollers.config import PollerConfig
from workers.vendors.braze.account import BrazeAccount


class AssetKind(StrEnum):
    """Material that Braze lists."""

    CONTENT_BLOCKS = "content_blocks"
    EMAIL_TEMPLATES = "email_templates"
    CAMPAIGNS = "campaigns"
    CANVASES = "canvases"


class BrazePollerConfig(PollerConfig, BrazeAccount):
    """What is read of one workspace: addresses that are out, and approved material."""

    SYSTEM: ClassVar[str] = "braze"
    OFFERS: ClassVar[frozenset[Signal]] = frozenset({Signal.UNSUBSCRIBE, Signal.SUPPRESSION, Signal.CONTENT_STATUS})

    instance: str = Field(
        min_length=1,
        max_length=200,
        description="The workspace's name of ours: the same in every feed of it (Currents, campaign webhooks).",
    )
    interval_s: float = Field(
        300, ge=1, le=86400, description="Seconds between two looks at who unsubscribed or bounced."
    )
    overlap_days: int = Field(
        2, ge=0, le=30, description="Days before today that each look at addresses reads again (§2.10)."
    )
    assets: frozenset[AssetKind] = Field(
        default_factory=lambda: frozenset(AssetKind),
        description="Material that is looked at (§2.11).",
        json_schema_extra={"default_text": "all four kinds"},
    )
    approval_tag: str = Field(
        "approved",
        min_length=1,
        max_length=200,
        description="Tag that says that material is approved, in any capitals: Braze has no field for it (§2.11). "
        "Campaigns and Canvases must be enabled and no draft besides.",
    )
    unapproved: bool = Field(
        False, description="Whether material without approval is reported too, as UPDATED and without its body."
    )
    body_bytes: int = Field(
        262_144, ge=0, le=800_000, description="Longest body that travels in the event; of a longer one its size does."
    )
    workspace_tag: str = Field(
        "workspace:",
        min_length=2,
        max_length=100,
        description="Beginning of a tag that says in which ECM workspace material is to be filed, in any capitals: "
        "`workspace:36780` names the node 36780.",
    )
    workspace: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="ECM workspace for approved material whose tags name none; without it that is filed nowhere.",
    )
    assets_every_s: float = Field(900, ge=60, le=604_800, description="Seconds between two looks for edited material.")
    sweep_every_s: float = Field(
        86_400, ge=300, le=2_592_000, description="Seconds between two looks at all material since the beginning."
    )
    requests_per_minute: int = Field(
        300,
        ge=1,
        le=4000,
        description="Requests of the poller in any minute: its slice of the 250,000 an hour that the workspace has "
        "for nearly everything but /users/track (§4).",
    )
    requests_per_day: int = Field(50_000, ge=100, description="Requests of the poller in a day (UTC).")
    reserve: float = Field(
        0.2,
        ge=0,
        le=0.9,
        description="Part of the workspace's pool that is left to others: below it nothing is asked until the pool "
        "is full again (§4).",
    )

    @property
    def named(self) -> str:
        """The workspace."""
        return self.instance

    @property
    def offered(self) -> frozenset[Signal]:
        """Without material, its status is not claimed."""
        return self.OFFERS if self.assets else self.OFFERS - {Signal.CONTENT_STATUS}
