"""The Braze poller, put together from its settings."""

import random

from common.clock import Clock
from common.http import HttpClient, RequestMeter
from workers.ingest.feeds import Signal
from workers.ingest.pollers.api import Feed
from workers.ingest.pollers.braze.addresses import HARD_BOUNCES, UNSUBSCRIBES, AddressFeed
from workers.ingest.pollers.braze.assets import AssetFeed
from workers.ingest.pollers.braze.config import AssetKind, BrazePollerConfig
from workers.ingest.pollers.braze.mapping import AddressTranslation, AssetTranslation
from workers.ingest.pollers.braze.reads import Reads
from workers.ingest.pollers.session import Stop
from workers.ingest.pollers.slice import Slice
from workers.vendors.braze.rate import Patience

_WINDOW_S = 60.0


class BrazeSource:
    """One workspace, asked by one active poller."""

    name = "braze"

    def __init__(self, config: BrazePollerConfig, clock: Clock, meter: RequestMeter | None = None) -> None:
        self.config, self._clock = config, clock
        self._patience = Patience(clock.now, random.random)
        self._http = HttpClient(config.http_limits(), meter)

    def slice(self, stop: Stop) -> Slice:
        """What this poller may ask for."""
        config = self.config
        return Slice(config.requests_per_minute, _WINDOW_S, config.requests_per_day, "UTC", self._clock, stop)

    def feeds(self, budget: Slice) -> list[Feed]:
        """Every feed of the signals that this poller has the say in, paying from this budget."""
        config, clock, trusted = self.config, self._clock, self.config.trusted
        reads = Reads(config, self._http, budget.spend, self._patience, clock)
        addresses = AddressTranslation(config)
        found: list[Feed] = []
        if Signal.UNSUBSCRIBE in trusted:
            told = addresses.unsubscribed
            found.append(AddressFeed("braze.unsubscribes", UNSUBSCRIBES, config, reads, clock, told))
        if Signal.SUPPRESSION in trusted:
            found.append(AddressFeed("braze.hard_bounces", HARD_BOUNCES, config, reads, clock, addresses.bounced))
        if Signal.CONTENT_STATUS in trusted:
            kinds = [kind for kind in AssetKind if kind in config.assets]
            found += [AssetFeed(kind, config, reads, clock, AssetTranslation(kind, config)) for kind in kinds]
        return found

    def close(self) -> None:
        """Let connections go."""
        self._http.close()
