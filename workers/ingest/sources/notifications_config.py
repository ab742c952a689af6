"""Settings of what OpenText Notifications, or a site's own alert system, posts back."""

from typing import Literal

from workers.ingest.auth_config import Auth
from workers.ingest.feeds import Signal
from workers.ingest.sources.source_config import VendorSource


class NotificationsSource(VendorSource):
    """Status callbacks of jobs (notifications.md §5), and acknowledgements of alerts (§7.3)."""

    SYSTEM = "notifications"
    OFFERS = frozenset({Signal.OUTCOME, Signal.ACKNOWLEDGEMENT})

    kind: Literal["notifications"]
    auth: Auth
