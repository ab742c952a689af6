"""The town in which nothing goes wrong: threads of the test process, the embedded broker, SQLite."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.support.poll import eventually
from tests.support.town import Town, running_town
from tests.support.town_facts import Facts, facts_of
from workers import letters_command
from workers.demo.acts import Signal
from workers.demo.vendors import Vendors
from workers.mailbox import Letter
from workers.settings import Settings

SINKS = ("braze", "ecm", "exstream", "marketo", "notifications")
DAY_S = 1.0
"""How long a day of the journeys lasts: what is to stop a step weeks later is posted in time, also past a kill."""

_POLLED = ("braze", "marketo")
_QUIET_S = 120.0


def shared(folder: Path) -> dict[str, Any]:
    """What both towns lay over the demo's site: all that takes time does so within a month, and nothing within days."""
    (feed := folder / "preferences").mkdir(parents=True)
    m5 = {"reminder": "20d", "offer": "23d", "escalation": "26d"}
    return {
        "flows": {"values": {"b3": {"inactive": "20d"}, "m1": {"again": "365d"}, "m5": m5}},
        "sinks": {
            "ecm": {"missing_workspace": "create"},
            "exstream": {"feed": {"directory": str(feed), "format": "json"}},
        },
    }


class CalmTown:
    """A town as the story of tests/kafka/test_town.py plays it."""

    def __init__(self, town: Town, http: httpx.Client) -> None:
        self._town, self.settings = town, town.settings
        self.sandboxes = {name: town.sandbox(name) for name in SINKS}
        self.vendors = Vendors(http, {name: box.url for name, box in self.sandboxes.items()})

    def post(self, signals: Iterable[Signal], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Post signals one by one."""
        for signal in signals:
            meanwhile()
            if signal.topic:
                self._town.publish(signal.topic, signal.body)
            else:
                self._town.post(signal.source, signal.body)

    def start_pollers(self) -> None:
        """Vendors are asked whenever the town settles."""

    def settle(self) -> None:
        """Until every poller, every sink and the store are through with what there is."""
        for source in _POLLED:
            self._town.poll(source)
        self._town.settle(_QUIET_S)

    def await_days(self, count: float) -> None:
        """So many days of the journeys pass; what was due in them has happened, and is settled."""
        until = datetime.now(UTC) + timedelta(seconds=count * DAY_S)
        eventually(lambda: datetime.now(UTC) > until, count * DAY_S + 5, every_s=0.5, what=f"{count:g} days")
        self.settle()

    def date(self, in_days: float) -> str:
        """A date so many days ahead on the journeys' clock."""
        return self._town.date(in_days)

    def facts(self) -> Facts:
        """What the vendors hold."""
        return held(self.settings, self.sandboxes)

    def letters(self) -> dict[str, list[Letter]]:
        """The open dead letters of every sink."""
        return open_letters(self.settings)

    def kill(self, number: int) -> None:
        """Nothing goes wrong here."""


def held(settings: Settings, sandboxes: Mapping[str, Any]) -> Facts:
    """What the vendors of a town hold, by the site's own names."""
    braze, marketo = settings.sinks.braze, settings.sinks.marketo
    assert braze is not None
    assert marketo is not None
    named = {**braze.campaigns, **braze.canvases, **marketo.campaigns, **marketo.lists}
    return facts_of(sandboxes, {str(id_): name for name, id_ in named.items()})


def open_letters(settings: Settings) -> dict[str, list[Letter]]:
    """The open dead letters of every sink of a town."""
    return {name: letters_command.of_sink(settings, name).open() for name in SINKS}


@contextmanager
def calm_town(folder: Path) -> Iterator[CalmTown]:
    """One that is ready."""
    clock = {"journeys": {"clock": {"factor": round(86_400 / DAY_S)}}}
    with (
        running_town(folder, {**shared(folder), **clock}) as town,
        httpx.Client(timeout=20, trust_env=False) as http,
    ):
        yield CalmTown(town, http)
