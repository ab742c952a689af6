"""The Exstream poller, put together from its settings."""

from common.clock import Clock
from common.http import HttpClient, RequestMeter
from workers.ingest.pollers.api import Feed
from workers.ingest.pollers.exstream.config import ExstreamPollerConfig
from workers.ingest.pollers.exstream.feeds import feeds
from workers.ingest.pollers.exstream.reads import Reads
from workers.ingest.pollers.session import Stop
from workers.ingest.pollers.slice import Slice
from workers.vendors.exstream.service import ExstreamService

_WINDOW_S = 20.0


class ExstreamSource:
    """One domain, asked by one active poller."""

    name = "exstream"

    def __init__(self, config: ExstreamPollerConfig, clock: Clock, meter: RequestMeter | None = None) -> None:
        self.config, self._clock = config, clock
        self._service = ExstreamService(config, HttpClient(config.http_limits(), meter), clock)

    def slice(self, stop: Stop) -> Slice:
        """What this poller may ask for."""
        config = self.config
        return Slice(config.requests_per_20_s, _WINDOW_S, config.requests_per_day, "UTC", self._clock, stop)

    def feeds(self, budget: Slice) -> list[Feed]:
        """Every feed, paying from this budget."""
        return feeds(self.config, Reads(self._service, self.config, budget.spend, self._clock.now), self._clock)

    def close(self) -> None:
        """Let connections go."""
        self._service.close()
