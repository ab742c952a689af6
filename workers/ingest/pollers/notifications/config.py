"""Settings of the Notifications poller. Page sections are those of the Notifications vendor page."""

from typing import ClassVar

from pydantic import Field

from workers.ingest.feeds import Signal
from workers.ingest.pollers.config import PollerConfig
from workers.ingest.sources.source_config import INSTANCE
from workers.vendors.notifications.account import MessagingAccount


class NotificationsPollerConfig(PollerConfig, MessagingAccount):
    """What is asked of one messaging account: what became of the jobs that our receipts name."""

    SYSTEM: ClassVar[str] = "notifications"
    OFFERS: ClassVar[frozenset[Signal]] = frozenset({Signal.OUTCOME})

    instance: str = Field(min_length=1, max_length=200, description=INSTANCE)
    interval_s: float = Field(15, ge=1, le=86400, description="Seconds between two looks at what is due.")
    followed_h: float = Field(
        72, ge=1, le=168, description="Hours for which a job is followed: jobs are purged after 3 to 7 days (§4)."
    )
    requests_per_minute: int = Field(
        60, ge=1, le=10_000, description="Requests of the poller in any minute; one job is asked about at a time (§4)."
    )
    requests_per_day: int = Field(50_000, ge=100, description="Requests of the poller in a day (UTC).")

    @property
    def named(self) -> str:
        """The account."""
        return self.instance
