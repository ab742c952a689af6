"""A town's workers: the door, the journey worker and every sink as threads, and pollers that a test drives."""

import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

from common.kafka.admin import TopicAdmin
from common.kafka.clients import producer_config
from common.kafka.embedded import PARTITIONS
from common.kafka.producer import ConfirmedProducer
from common.meters import VendorMeter
from common.schema_source import IdsAhead
from common.store.opening import open_as_writer
from tests.support.poll import eventually
from topics.catalogue import flow_topics, topics
from workers.bootstrap.journeys import build_journeys
from workers.bootstrap.poller import build_session, transactions
from workers.bootstrap.sink import build_runner
from workers.bootstrap.webhook import build_webhook
from workers.bootstrap.worker import Worker
from workers.catalogue import VENDORS, all_flows, sink_problems, vendor_config
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.session import Reading, Session
from workers.ingest.server import serve
from workers.poller_catalogue import SOURCES, poller_config
from workers.settings import Settings
from workers.sinks.quotas import OwnCount
from workers.sinks.slices import groups_of
from workers.sinks.slots import Slots
from workers.store_command import store_settings

_START_S, _STOP_S, _POLLED_S = 30.0, 20.0, 60.0
_LOOK_S = 0.1
"""How often due timers are looked for; a second is long here."""


class Crew:
    """Threads that work until the end of the block; what one of them raised is raised there, and by `check`."""

    def __init__(self, settings: Settings, since: datetime) -> None:
        """Journeys start, and pollers begin, `since` then."""
        self._settings, self._since = settings, since
        self._stop, self._stack = threading.Event(), ExitStack()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._waits: dict[str, Callable[[], str]] = {}
        self._pollers: dict[str, Poller] = {}
        self.groups: list[tuple[str, str]] = []
        self.door = ""

    def __enter__(self) -> Self:
        self._stack.enter_context(patch("workers.bootstrap.worker.log.configure"))  # the tests' own logging stays
        self._stack.enter_context(patch("workers.journeys.firing._LOOK_EVERY_S", _LOOK_S))
        for kind in (OwnCount, Slots):  # else a minute at ECM, twenty seconds at Marketo
            self._stack.enter_context(patch.object(kind, "assigned", _of_nobody(kind)))
        try:
            TopicAdmin(self._settings.kafka.client()).touch([self._settings.prefix + name for name in topics()])
            self._start_door()
            self._start_journeys()
            for name in VENDORS:
                self._start_sink(name)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_STOP_S)
        self._stack.close()
        if error is None:
            self.check()
            assert not [thread.name for thread in self._threads if thread.is_alive()], "these threads did not stop"

    def await_ready(self) -> None:
        """Until every worker has its partitions and the door is open."""
        eventually(lambda: self._failures or not self._unready(), _START_S, what="the town is ready")
        self.check()

    def check(self) -> None:
        """Raise what a worker ended with."""
        if self._failures:
            raise self._failures[0]

    def troubles(self) -> str:
        """What the workers have to say for themselves."""
        return "; ".join(f"{name}: {why}" for name, why in self._unready().items()) or "every worker says it is well"

    def poller(self, source: str) -> "Poller":
        """The source's poller, which goes on where it was."""
        if source not in self._pollers:
            self._pollers[source] = self._stack.enter_context(closing(Poller(self._worker(), source, self._since)))
        return self._pollers[source]

    def _worker(self) -> Worker:
        return Worker(self._settings)

    def _unready(self) -> dict[str, str]:
        return {name: why for name, ask in self._waits.items() if (why := ask())}

    def _run(self, name: str, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self._failures.append(error)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _start_door(self) -> None:
        worker, ports = self._worker(), list[int]()
        producer = self._stack.enter_context(closing(ConfirmedProducer(producer_config(self._settings.kafka.client()))))
        ids = IdsAhead(worker.schemas)
        ids.look_up(flow_topics())
        webhook = build_webhook(worker, producer, ids)
        door = self._settings.ingest.webhook.model_copy(update={"host": "127.0.0.1", "port": 0})

        def opened(port: int) -> None:
            self.door = f"http://127.0.0.1:{port}"
            ports.append(port)

        self._run("door", lambda: serve(webhook.app(), door, self._stop, opened))
        self._waits["door"] = lambda: "" if ports else "it is not open"

    def _start_journeys(self) -> None:
        store = store_settings(self._settings)
        database = self._stack.enter_context(closing(open_as_writer(store, PARTITIONS)))
        journeys = build_journeys(self._worker(), store, database, self._since)
        self._run("journeys", lambda: journeys.run(self._stop))
        self._waits["journeys"] = lambda: "" if journeys.status.is_ready else "it has no partitions"

    def _start_sink(self, name: str) -> None:
        config, flows, worker = vendor_config(self._settings, name), all_flows(self._settings), self._worker()
        sink = self._stack.enter_context(
            closing(VENDORS[name].connect(config, worker.clock, VendorMeter(worker.metrics, name)))
        )
        assert sink_problems(sink, flows) == []
        for group in groups_of(sink):
            runner = build_runner(worker, sink, config, group, flows)
            self.groups.append((name, group))
            self._run(f"{name}.{group}", lambda runner=runner: runner.run(self._stop))  # type: ignore[misc]
            self._waits[f"{name}.{group}"] = lambda runner=runner: (  # type: ignore[misc]
                "" if runner.status.is_ready and not runner.status.holds else f"{runner.status}"
            )


def _of_nobody(kind: type[OwnCount] | type[Slots]) -> Callable[[Any, Collection[int], Collection[int], float], None]:
    """What is gained has had no owner in a new town: nobody waits for what one may still have under way."""
    assigned = kind.assigned

    def taken_over(share: Any, numbers: Collection[int], gained: Collection[int], at: float) -> None:
        del gained
        assigned(share, numbers, (), at)

    return taken_over


class Poller:
    """One source's poller, a look at a time."""

    def __init__(self, worker: Worker, source: str, since: datetime) -> None:
        self._name, self._source = source, SOURCES[source](poller_config(worker.settings, source), worker.clock, None)
        self._producer = transactions(worker.settings, source)
        budget = self._source.slice(lambda _: False)
        self._session: Session = build_session(worker, self._source, self._producer, budget, since, Unheard())
        self._readings: list[Reading] = []

    def look(self) -> None:
        """Every feed to its end, whenever it would be due; one that the source refuses is asked again, for a while."""
        self._readings = self._readings or list(self._session.begin())
        for one in self._readings:
            one.due_at = 0.0
        eventually(self._is_through, _POLLED_S, every_s=0.0, what=f"every feed of {self._name} is read")

    def _is_through(self) -> bool:
        return not self._session.turn(self._readings) and not any(one.failures for one in self._readings)

    def close(self) -> None:
        """Let connections go."""
        self._producer.close()
        self._source.close()
