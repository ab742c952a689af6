"""The Notifications poller, put together from its settings."""

from common.clock import Clock
from common.http import HttpClient, RequestMeter
from workers.ingest.pollers.api import Feed, NoReceipts, PausedError, Receipts
from workers.ingest.pollers.notifications.book import Book
from workers.ingest.pollers.notifications.config import NotificationsPollerConfig
from workers.ingest.pollers.notifications.feed import StatusFeed
from workers.ingest.pollers.notifications.reads import Reads
from workers.ingest.pollers.session import Stop
from workers.ingest.pollers.slice import Slice
from workers.vendors.shared_token import SharedToken

_WINDOW_S = 60.0
_HOUR_S = 3600.0


class NotificationsSource:
    """One messaging account, asked by one active poller about what the receipts name."""

    name = "notifications"

    def __init__(
        self,
        config: NotificationsPollerConfig,
        clock: Clock,
        meter: RequestMeter | None = None,
        receipts: Receipts | None = None,
    ) -> None:
        self.config, self._clock = config, clock
        self._http = HttpClient(config.http_limits(), meter)
        self._tokens: SharedToken[PausedError] = SharedToken(clock.monotonic)
        self._book = Book(receipts or NoReceipts(), config.followed_h * _HOUR_S)

    def slice(self, stop: Stop) -> Slice:
        """What this poller may ask for."""
        config = self.config
        return Slice(config.requests_per_minute, _WINDOW_S, config.requests_per_day, "UTC", self._clock, stop)

    def feeds(self, budget: Slice) -> list[Feed]:
        """Its one feed, paying from this budget."""
        reads = Reads(self.config, self._http, self._tokens, budget.spend, self._clock.now)
        return [StatusFeed(self.config, reads, self._book, self._clock)]

    def close(self) -> None:
        """Let connections go."""
        self._http.close()
