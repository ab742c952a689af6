"""A Braze poller against a served sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from common.clock import Clock
from sandbox.braze.options import DEFAULT_KEY
from tests.support.clock import ManualClock
from tests.support.marketo_poll import KeptLog, Polling
from workers.ingest.pollers.braze.config import BrazePollerConfig
from workers.ingest.pollers.braze.source import BrazeSource

INSTANCE = "retail-eu"
SINCE = datetime.now(UTC) - timedelta(days=30)


class SetClock(ManualClock):
    """A manual clock that begins at a moment."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self._wall = at


def config(base_url: str = "https://rest.fra-01.braze.eu", **more: Any) -> BrazePollerConfig:
    """Settings of a poller with short time-outs and a roomy slice."""
    settings: dict[str, Any] = {
        "api_key": SecretStr(DEFAULT_KEY),
        "instance": INSTANCE,
        "read_timeout_s": 5.0,
        "requests_per_minute": 4000,
        "remembered_ids": 5000,
        "interval_s": 600,
    }
    return BrazePollerConfig(base_url=base_url, **(settings | more))


def polling(url: str, log: KeptLog | None = None, clock: Clock | None = None, **settings: Any) -> Polling:
    """A poller that a test drives by hand."""
    return Polling(config(url, **settings), log, clock, since=SINCE, make=BrazeSource)


def polled(url: str, log: KeptLog | None = None, clock: Clock | None = None, **settings: Any) -> KeptLog:
    """What a poller that begins now makes of everything up to now."""
    one = polling(url, log, clock, **settings)
    try:
        return one.to_the_end().log
    finally:
        one.close()
