"""The sources that are polled: what every command that knows pollers stands on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from common.clock import Clock, SystemClock
from common.errors import ConfigurationError
from common.http import RequestMeter
from workers.ingest import feeds
from workers.ingest.pollers.api import Feed, Receipts
from workers.ingest.pollers.braze.source import BrazeSource
from workers.ingest.pollers.config import PollerConfig
from workers.ingest.pollers.ecm.source import EcmSource
from workers.ingest.pollers.exstream.source import ExstreamSource
from workers.ingest.pollers.marketo.source import MarketoSource
from workers.ingest.pollers.notifications.source import NotificationsSource
from workers.ingest.pollers.session import Stop
from workers.ingest.pollers.slice import Slice
from workers.settings import Settings


class Source(Protocol):
    """A source that is polled."""

    name: str

    @property
    def config(self) -> PollerConfig:
        """Its settings."""
        ...

    def slice(self, stop: Stop) -> Slice:
        """What its poller may ask for."""
        ...

    def feeds(self, budget: Slice) -> list[Feed]:
        """Every feed, paying from this budget."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


class Build(Protocol):
    """Puts a source together; one that asks about what our sinks did is given the receipts."""

    def __call__(
        self, config: Any, clock: Clock, meter: RequestMeter | None = None, receipts: Receipts = ..., /
    ) -> Source:
        """A source of these settings."""
        ...


def _alone(build: Callable[[Any, Clock, RequestMeter | None], Source]) -> Build:
    """A source that needs nothing but itself."""

    def made(
        config: Any, clock: Clock, meter: RequestMeter | None = None, receipts: Receipts | None = None, /
    ) -> Source:
        del receipts
        return build(config, clock, meter)

    return made


SOURCES: Mapping[str, Build] = {
    "braze": _alone(BrazeSource),
    "ecm": _alone(EcmSource),
    "exstream": _alone(ExstreamSource),
    "marketo": _alone(MarketoSource),
    "notifications": NotificationsSource,
}


def poller_config(settings: Settings, name: str) -> Any:
    """A source's section. Raises ConfigurationError when there is no such source, or it has no section."""
    if name not in SOURCES:
        raise ConfigurationError(f"there is no poller {name!r}; there are: {', '.join(SOURCES)}")
    config = getattr(settings.ingest.pollers, name)
    if config is None:
        raise ConfigurationError(
            f"poller {name} is not configured: add ingest.pollers.{name} to the configuration file (docs/settings.md)"
        )
    return config


def configured_pollers(settings: Settings) -> list[str]:
    """The sources that have a section."""
    return [name for name in SOURCES if getattr(settings.ingest.pollers, name) is not None]


def poller_feeds(settings: Settings) -> Iterator[feeds.Feed]:
    """What each configured poller has the say in, for the check that nobody else does."""
    for name in configured_pollers(settings):
        config: PollerConfig = poller_config(settings, name)
        yield config.feed(f"ingest.pollers.{name}")


def polled_feed(settings: Settings, source: str, name: str) -> Feed:
    """One feed of a configured source, to translate with; it has no connections to ask anybody by.

    Raises ConfigurationError when the source, or today's settings of it, have no such feed.
    """
    config = poller_config(settings, source)
    made = SOURCES[source](config, SystemClock())
    try:
        found = {feed.name: feed for feed in made.feeds(made.slice(lambda _: True))}
    finally:
        made.close()
    if name not in found:
        raise ConfigurationError(
            f"poller {source} has no feed {name!r} by today's settings; it has: {', '.join(found)}. "
            f"Set ingest.pollers.{source} as it was to read its letters"
        )
    return found[name]


def feed_names(settings: Settings, name: str, clock: Clock) -> Sequence[str]:
    """The cursors of a configured source; nothing is contacted."""
    source = SOURCES[name](poller_config(settings, name), clock, None)
    try:
        return [feed.name for feed in source.feeds(source.slice(lambda _: True))]
    finally:
        source.close()
