"""The site as one configuration, for the demo's processes and for the threads of a test."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from common import yaml
from workers.demo.site import secrets
from workers.demo.site.doors import SOURCES, pollers
from workers.demo.site.sinks import sinks

_NAMES = Path(__file__).with_name("names")
FAMILIES = ("m", "n", "b")
_PROMPT = {"fetch.wait.max.ms": 50}
"""The embedded broker lets a reader wait to the end of its patience, whatever is written meanwhile."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is: `bootstrap.servers`, each sandbox's base URL by its vendor, the store's URL."""

    bootstrap: str
    sandboxes: Mapping[str, str]
    store: str


def site(at: Addresses, epoch: datetime, factor: int, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole configuration; from `epoch` on journeys run `factor` times as fast. `more` is laid over it."""
    found: dict[str, Any] = {
        "kafka": {"bootstrap.servers": at.bootstrap, "session.timeout.ms": 6000, **_PROMPT},
        "sinks": sinks(at.sandboxes),
        "ingest": {"webhook": {"unready_s": 0, "sources": SOURCES}, "pollers": pollers(at.sandboxes)},
        "store": {"url": at.store, "address_key": secrets.ADDRESS_KEY},
        "journeys": {"fresh_every_s": 0.2, "clock": {"epoch": epoch.isoformat(), "factor": factor}},
    }
    for above in (*(yaml.load(_NAMES / f"{family}.yaml") for family in FAMILIES), more or {}):
        found = laid_over(found, above)
    return found


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Maps key by key, everything else as a whole; what is above counts."""
    both = {
        key: laid_over(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping)
    }
    return {**below, **above, **both}
