"""The Marketo poller, put together from its settings."""

import random

from common.clock import Clock
from common.http import HttpClient, RequestMeter
from workers.ingest.pollers.api import Feed
from workers.ingest.pollers.marketo.config import MarketoPollerConfig
from workers.ingest.pollers.marketo.feeds import feeds
from workers.ingest.pollers.marketo.people import People
from workers.ingest.pollers.marketo.reads import Reads
from workers.ingest.pollers.session import Stop
from workers.ingest.pollers.slice import Slice
from workers.vendors.marketo.service import MarketoService
from workers.vendors.marketo.waits import Waits

_WINDOW_S = 20.0


class MarketoSource:
    """One subscription, asked by one active poller."""

    name = "marketo"

    def __init__(self, config: MarketoPollerConfig, clock: Clock, meter: RequestMeter | None = None) -> None:
        self.config, self._clock = config, clock
        self._waits = Waits(clock.now, random.random, config.day_zone, config.quota_recheck_s)
        self._service = MarketoService(config, HttpClient(config.http_limits(), meter), clock, self._waits)
        self._people = People(config, clock.monotonic)

    def slice(self, stop: Stop) -> Slice:
        """What this poller may ask for."""
        config = self.config
        return Slice(config.requests_per_20_s, _WINDOW_S, config.requests_per_day, config.day_zone, self._clock, stop)

    def feeds(self, budget: Slice) -> list[Feed]:
        """Every feed, paying from this budget."""
        reads = Reads(self._service, budget.spend, self._waits)
        return list(feeds(self.config, reads, self._people, self._clock))

    def close(self) -> None:
        """Let connections go."""
        self._service.close()
