"""The Extended ECM poller, put together from its settings."""

from common.clock import Clock
from common.http import HttpClient, RequestMeter
from workers.ingest.pollers.api import Feed
from workers.ingest.pollers.ecm.config import EcmPollerConfig
from workers.ingest.pollers.ecm.feed import WorkspacesFeed
from workers.ingest.pollers.ecm.reads import Reads
from workers.ingest.pollers.session import Stop
from workers.ingest.pollers.slice import Slice
from workers.vendors.ecm.client import EcmClient
from workers.vendors.ecm.signs import Signs
from workers.vendors.ecm.tickets import Tickets

_WINDOW_S = 60.0


class EcmSource:
    """One Content Server, asked by one active poller."""

    name = "ecm"

    def __init__(self, config: EcmPollerConfig, clock: Clock, meter: RequestMeter | None = None) -> None:
        self.config, self._clock = config, clock
        self._client = EcmClient(config.base_url, HttpClient(config.http_limits(), meter))
        self._tickets = Tickets(config, clock.monotonic)

    def slice(self, stop: Stop) -> Slice:
        """What this poller may ask for."""
        config = self.config
        return Slice(config.requests_per_minute, _WINDOW_S, config.requests_per_day, "UTC", self._clock, stop)

    def feeds(self, budget: Slice) -> list[Feed]:
        """Its one feed, paying from this budget."""
        config, signs = self.config, Signs(self.config.error_texts)
        reads = Reads(self._client, self._tickets, signs, config.login_backoff_s, budget.spend, self._clock.now)
        return [WorkspacesFeed(config, reads, self._clock)]

    def close(self) -> None:
        """Let connections go."""
        self._client.close()
