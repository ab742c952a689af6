"""A small town: the whole site in threads of the test process, for end-to-end tests of flows.

One town for a test file, and customers of its own for each test:

    @pytest.fixture(scope="module")
    def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
        with running_town(tmp_path_factory.mktemp("town")) as one:
            yield one

    def test_...(town: Town) -> None:
        customer = town.customer()
        town.post("ecm", {...})                                # or town.publish(topic, {...}): a canonical event
        town.await_received("braze", customer, path="/users/track")
        town.days(7)                                           # a week of the journeys' time passes, everything settles
        assert town.sandbox("marketo").received("C-…") == []

It runs the embedded broker, all five sandboxes, the webhook on a socket, the journey worker on SQLite with a clock on
which a day takes `DAY_S`, and every sink with the default catalogue; pollers are driven by hand. The site is the
demo's (workers/demo/site): what flows need beside it belongs into workers/demo/site/names/<family>.yaml.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from common.codec import Decoder, LocalSchemas
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.store.times import micros, moment_of
from tests.support.poll import eventually
from tests.support.town_sandbox import Sandbox, served
from tests.support.town_tides import Tides
from tests.support.town_workers import Crew
from workers.demo.sender import post
from workers.demo.site import Addresses, site
from workers.settings import Settings, load_settings
from workers.store_command import migrate_store

T = TypeVar("T")

DAY_S = 0.1
"""How long a day of the journeys lasts; a step fires within a second of its time."""

DEADLINE_S = 20.0
_FACTOR = round(86_400 / DAY_S)
_RAN_BEFORE = timedelta(minutes=10)


class Town:
    """Everything that runs, and what can be asked of it."""

    def __init__(self, settings: Settings, crew: Crew, sandboxes: Mapping[str, Sandbox], http: httpx.Client) -> None:
        self.settings, self._crew, self._sandboxes, self._http = settings, crew, sandboxes, http
        self._log, self._decoder = LogReader(settings.kafka.client()), Decoder(LocalSchemas())
        self._tides, self._tempo = Tides(settings, crew), settings.journeys.tempo
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Let connections of its own go."""
        self._tides.close()

    def customer(self) -> str:
        """An id that no other test of this town uses; no id is the beginning of another."""
        return f"C-{next(self._numbers):05}"

    def sandbox(self, vendor: str) -> Sandbox:
        """A vendor: what it received and holds, its faults, and requests of its own API."""
        return self._sandboxes[vendor]

    def post(self, source: str, signal: Any) -> Any:
        """A signal in the source's own shape, through its hook; the door's answer. Refused ones are errors."""
        return post(self._http, self._crew.door, source, signal).json()

    def publish(self, topic: str, event: Mapping[str, Any]) -> Any:
        """A canonical event of an upstream system; `occurred_at` is now unless it says."""
        at = {"occurred_at": datetime.now(UTC).isoformat()}
        return post(self._http, self._crew.door, "upstream", {**at, **event}, topic).json()

    def poll(self, source: str) -> None:
        """Ask a polled source, every feed to its end."""
        self._crew.poller(source).look()

    def events(self, topic: str, customer: str | None = None, **fields: Any) -> list[dict[str, Any]]:
        """What a topic holds, decoded: of a customer, and with these values."""
        records = self._log.records(self.settings.prefix + topic)
        decoded = [self._decoder.decode(topic, record.value) for record in records if record.value]
        return [one for one in decoded if customer in (None, _whose(one)) and fields.items() <= one.items()]

    def letters(self, owner: str) -> list[dict[str, str]]:
        """The `dlq.*` headers of the dead letters of a sink, of `ingest` or of `journeys`."""
        return [
            {name: (value or b"").decode() for name, value in record.headers if name.startswith("dlq.")}
            for record in self._log.records(f"{self.settings.prefix}comms.dlq.{owner}.v1")
        ]

    def await_received(
        self, vendor: str, text: str, path: str = "", times: int = 1, deadline_s: float = DEADLINE_S
    ) -> list[dict[str, Any]]:
        """The accepted requests below a path whose body holds a text, once there are so many, or more."""
        box = self.sandbox(vendor)
        return self.eventually(
            lambda: _enough(box.received(text, path), times),
            f"{vendor} accepted {times} requests {path} with {text!r}",
            deadline_s,
        )

    def await_events(
        self, topic: str, customer: str | None = None, times: int = 1, deadline_s: float = DEADLINE_S, **fields: Any
    ) -> list[dict[str, Any]]:
        """The events of a topic, once there are so many."""
        what = f"{times} events on {topic} of {customer} with {fields}"
        return self.eventually(lambda: _enough(self.events(topic, customer, **fields), times), what, deadline_s)

    def eventually(self, condition: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
        """The first truthy answer; a worker that ended, or the deadline, is an AssertionError."""
        try:
            return eventually(condition, deadline_s, every_s=0.05, what=what)
        except AssertionError as error:
            self._crew.check()
            raise AssertionError(f"{error}\n{self._crew.troubles()}") from None

    def settle(self, deadline_s: float = DEADLINE_S) -> None:
        """Everything that was written is settled by every sink and applied to the store, and nothing came after it.

        What a sandbox or a person would do next is not waited for, nor steps of journeys that are not due yet.
        """
        self.eventually(self._tides.are_out, "the town is quiet", deadline_s)

    def days(self, count: float) -> None:
        """So many days of the journeys' time pass; what was due in them has happened, and has arrived."""
        until = moment_of(micros(datetime.now(UTC)) + self._tempo.lasts(micros(_day(count))))
        self.eventually(lambda: self._tides.are_fresh_at(until), f"{count:g} days passed", DEADLINE_S + count * DAY_S)
        self.settle()

    def date(self, in_days: float) -> str:
        """A date so many days ahead on the journeys' clock, for a contract's end and the like."""
        return (self.now() + timedelta(days=in_days)).isoformat(timespec="milliseconds")

    def now(self) -> datetime:
        """What the journeys take for the time."""
        return moment_of(self._tempo.journey(micros(datetime.now(UTC))))


@contextmanager
def running_town(
    folder: Path, more: Mapping[str, Any] | None = None, sandboxes: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Town]:
    """A town that is ready, until the block's end. `more` is laid over the site; `sandboxes` are options by vendor."""
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        boxes = {name: stack.enter_context(box) for name, box in served(sandboxes or {})}
        at = Addresses(broker.bootstrap, {name: box.url for name, box in boxes.items()}, f"sqlite:///{folder}/store.db")
        settings = _settings(folder, site(at, datetime.now(UTC), _FACTOR, more))
        migrate_store(settings)
        crew = stack.enter_context(Crew(settings, datetime.now(UTC) - _RAN_BEFORE))
        http = stack.enter_context(httpx.Client(trust_env=False, timeout=15))
        crew.await_ready()
        yield stack.enter_context(closing(Town(settings, crew, boxes, http)))


def _settings(folder: Path, configuration: Mapping[str, Any]) -> Settings:
    file = folder / "site.yaml"
    own = {"worker_name": "town", "health": {"port": 0}}
    file.write_text(json.dumps({**configuration, **own}, indent=1), "utf-8")
    return load_settings(file, {})


def _whose(event: Mapping[str, Any]) -> str | None:
    customer = event.get("customer")
    return customer["customer_id"] if customer else None


def _enough(found: Sequence[dict[str, Any]], times: int) -> list[dict[str, Any]]:
    return list(found) if len(found) >= times else []


def _day(count: float) -> datetime:
    return moment_of(0) + timedelta(days=count)
