"""How much a benchmark does, and what every result says about where it was made."""

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.results import Condition


@dataclass(frozen=True, slots=True)
class Options:
    """Events of the sink path and of how many customers; runs of each contender, of which the median counts.

    `timers` are pending while others fire.
    """

    events: int = 200_000
    keys: int = 5_000
    runs: int = 3
    timers: int = 1_000_000

    def conditions(self) -> dict[str, Condition]:
        """What a figure of the sink path stands on."""
        return {"events": self.events, "keys": self.keys} | here()


def here() -> dict[str, Condition]:
    """When this was measured, and by which versions."""
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: version(name) for name in ("commfleet", "confluent-kafka", "fastavro", "httpx", "orjson", "pydantic")},
    }
