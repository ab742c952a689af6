"""The town as processes on a real broker and PostgreSQL: so many workers of each kind, killed and started again."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from common.store.times import micros, moment_of
from tests.faults.processes import Worker
from tests.support.poll import eventually
from tests.support.ports import free_ports
from tests.support.town_calm import DAY_S, SINKS, held, open_letters, shared
from tests.support.town_facts import Facts
from tests.support.town_sandbox import Sandbox, served
from workers.demo.acts import Signal
from workers.demo.quiet import Quiet
from workers.demo.sender import post
from workers.demo.site import Addresses, site
from workers.demo.site.whole import laid_over
from workers.demo.vendors import Vendors
from workers.mailbox import Letter
from workers.settings import Settings, load_settings
from workers.store_command import migrate_store
from workers.topics_command import apply_topics, topic_plan

POLLERS = ("poller-braze", "poller-marketo")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "webhook": ("run", "ingest", "webhook"),
    "journeys": ("run", "journeys"),
    **{f"sink-{name}": ("run", "sink", name) for name in SINKS},
    **{name: ("run", "poller", name.removeprefix("poller-"), "--since", "1h") for name in POLLERS},
}
"""Every kind of worker, by its name."""

PARTITIONS = 4
_READY_S, _QUIET_S, _POST_S = 240.0, 180.0, 60.0
_TOPICS = {"partitions": PARTITIONS, "replication_factor": 1, "min_insync_replicas": 1}


class TownFleet:
    """One town: sandboxes of its own, `each` workers of every kind, from `with` to its end."""

    def __init__(self, folder: Path, bootstrap: str, store: str, prefix: str, each: int) -> None:
        self._folder, self._bootstrap, self._store = folder, bootstrap, store
        self._prefix, self._each, self._stack = prefix, each, ExitStack()
        self._shared: dict[str, str] = {}
        self.workers: dict[str, list[Worker]] = {}
        self.sandboxes: dict[str, Sandbox] = {}
        self._doors: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def await_ready(self) -> None:
        """Until every worker that runs says so."""
        for kind, found in self.workers.items():
            for member in found:
                eventually(member.is_ready, _READY_S, every_s=0.2, what=f"{kind} is ready")

    def start_pollers(self) -> None:
        """Vendors are asked from an hour ago on; what is at them by now is read at once."""
        self._start_workers(POLLERS)
        self.await_ready()

    def post(self, signals: Iterable[Signal], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Post signals one by one, as senders do: what was not confirmed is sent again, by another door if need be."""
        for signal in signals:
            meanwhile()
            eventually(lambda signal=signal: self._posted(signal), _POST_S, every_s=0.2, what="a door takes it")  # type: ignore[misc]

    def settle(self) -> None:
        """Until every sink and the store are through with what there is."""
        eventually(self._quiet.now, _QUIET_S, every_s=0.5, what=f"the town is quiet: {self.troubles()}")

    def await_days(self, count: float) -> None:
        """So many days of the journeys pass; what was due in them has happened, and is settled."""
        until = datetime.now(UTC) + timedelta(seconds=count * DAY_S)
        eventually(lambda: datetime.now(UTC) > until, count * DAY_S + 5, every_s=0.5, what=f"{count:g} days")
        self.settle()

    def date(self, in_days: float) -> str:
        """A date so many days ahead on the journeys' clock."""
        now = moment_of(self.settings.journeys.tempo.journey(micros(datetime.now(UTC))))
        return (now + timedelta(days=in_days)).isoformat(timespec="milliseconds")

    def facts(self) -> Facts:
        """What the vendors hold."""
        return held(self.settings, self.sandboxes)

    def letters(self) -> dict[str, list[Letter]]:
        """The open dead letters of every sink."""
        return open_letters(self.settings)

    def kill(self, number: int, *kinds: str) -> None:
        """kill -9 the worker of this number of each kind (of all, if none is named), and start them again."""
        chosen = [self.workers[kind][number] for kind in kinds or COMMANDS]
        for member in chosen:
            member.kill()
        for member in chosen:
            member.start()

    def troubles(self) -> str:
        """What workers hold."""
        return "; ".join(
            f"{kind}: {one.holds()}" for kind, found in self.workers.items() for one in found if one.holds()
        )

    def _start(self) -> None:
        self.sandboxes = {name: self._stack.enter_context(box) for name, box in served({})}
        self._shared = {"COMMFLEET_CONFIG": str(self._configure())}
        apply_topics(self.settings, topic_plan(self.settings), lambda _: None)
        migrate_store(self.settings)
        self._start_workers(set(COMMANDS) - set(POLLERS))
        self.http = self._stack.enter_context(httpx.Client(timeout=20, trust_env=False))
        self.vendors = Vendors(self.http, {name: box.url for name, box in self.sandboxes.items()})
        self._quiet = self._stack.enter_context(Quiet(self.settings))

    def _start_workers(self, kinds: Iterable[str]) -> None:
        for kind in sorted(kinds):
            self.workers[kind] = [self._member(kind, number) for number in range(self._each)]

    def _member(self, kind: str, number: int) -> Worker:
        own = {**self._shared, "COMMFLEET_WORKER_NAME": f"{kind}-{number}"}
        if kind == "webhook":
            (port,) = free_ports(1)
            own["COMMFLEET_INGEST__WEBHOOK__PORT"] = str(port)
            self._doors.append(f"http://127.0.0.1:{port}")
        return self._stack.enter_context(Worker(COMMANDS[kind], own, self._folder / f"{kind}-{number}.log"))

    def _configure(self) -> Path:
        at = Addresses(self._bootstrap, {name: box.url for name, box in self.sandboxes.items()}, self._store)
        more = {
            "prefix": self._prefix,
            "topics": _TOPICS,
            "ingest": {"webhook": {"host": "127.0.0.1"}},
            "sinks": {"ecm": {"max_in_flight": 6}},
        }
        file = self._folder / "site.json"
        whole = site(at, datetime.now(UTC), round(86_400 / DAY_S), laid_over(shared(self._folder), more))
        file.write_text(json.dumps(whole), "utf-8")
        self.settings: Settings = load_settings(file, {})
        return file

    def _posted(self, signal: Signal) -> bool:
        door = self._doors[int(time.monotonic() * 10) % len(self._doors)]
        try:
            post(self.http, door, signal.source, signal.body, signal.topic)
        except httpx.TransportError:
            return False
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500:
                raise
            return False
        return True

    def _all(self) -> list[Worker]:
        return [one for found in self.workers.values() for one in found]
