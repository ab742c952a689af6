"""How many due timers a second fire within a second of their time, with a million others pending.

The worker's own firing over a real store; how fresh the store is is written every quarter of a second, as after a
broker's answer, and steps leave the outbox as they do once Kafka has them. Kafka itself is not measured here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from sqlalchemy import text

from benchmarks.options import Options, here
from benchmarks.results import Condition, Row
from benchmarks.store import postgres_stores, sqlite_stores
from common.clock import SystemClock
from common.meters import JourneyMeter
from common.metrics import Metrics
from common.store import shapes
from common.store.database import Database
from common.store.migrate import migrate
from common.store.outbox import published
from common.store.pseudonyms import Pseudonyms
from common.store.rows import chunks
from common.store.times import DAY_US, SECOND_US, micros
from common.store.values import Instance, Timer
from schemas.catalogue import catalogue
from tests.support.postgres import NoPostgresError
from workers.consent.config import ConsentSettings
from workers.consent.settle import Settlement
from workers.journeys.applier import Applier
from workers.journeys.catalogue import load_journeys
from workers.journeys.erasure import Identities
from workers.journeys.firing import Firing
from workers.journeys.interpreter import Journeys
from workers.journeys.lot import Lot
from workers.journeys.preferences import Preferences
from workers.journeys.reducers import Facts
from workers.journeys.rows import FORGET

RATES = (500, 1000, 2000, 3000, 4000, 6000, 8000)
GOAL = 1000
"""Timers a second: what `journeys.fire_per_s` lets through unless changed."""

_SECONDS, _WITHIN_S, _FRESH_EVERY_S = 3, 1.0, 0.25
_BATCH = 20_000
_JOURNEY = """
- name: bench
  kind: wait
  start: {on: comms.communication.v1, when: {type: [DELIVERED]}}
  after: {step: 7d}
  keep: [document_type]
  emit: NO_RESPONSE
"""


@dataclass(frozen=True, slots=True)
class Fired:
    """One rate: how late the steps were, in seconds, ascending."""

    rate: int
    late_s: list[float]

    @property
    def p99_s(self) -> float:
        """Ninety-nine of a hundred were no later."""
        return self.late_s[int(len(self.late_s) * 0.99)]

    @property
    def is_held(self) -> bool:
        """Whether every one of them fired within a second."""
        return self.late_s[-1] <= _WITHIN_S


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Both engines; PostgreSQL is left out, and says so, where there is none."""
    with ExitStack() as stack:
        yield _row("sqlite", sqlite_stores(stack)("timers"), options, say)
    try:
        with ExitStack() as stack:
            yield _row("postgresql", postgres_stores(stack)("timers"), options, say)
    except NoPostgresError as error:
        say(f"no PostgreSQL is measured: {error}")


def _row(name: str, database: Database, options: Options, say: Callable[[str], None]) -> Row:
    migrate(database)
    bench = _Bench(database)
    bench.pend(options.timers // 2)  # each instance has its step's timer, and the one that forgets it
    held, late = 0, {}
    for rate in RATES:
        fired = bench.fire(rate)
        late[str(rate)] = round(fired.p99_s, 3)
        say(f"timers {name}: {rate}/s, p99 {fired.p99_s:.2f} s late, the last {fired.late_s[-1]:.2f} s")
        if not fired.is_held:
            break
        held = rate
    database.close()
    conditions: dict[str, Condition] = {
        **here(),
        "goal": GOAL,
        "pending": options.timers,
        "within_s": _WITHIN_S,
        "seconds": _SECONDS,
        "rates_p99_s": ", ".join(f"{rate}: {late_s}" for rate, late_s in late.items()),
    }
    return Row(f"timers.within_a_second_{name}", held, "timers/s", GOAL, conditions)


class _Bench:
    """One store with pending timers, and what fires them."""

    def __init__(self, database: Database) -> None:
        self._database, self._clock, self._count = database, SystemClock(), 0
        with TemporaryDirectory() as folder:
            file = Path(folder) / "bench.yaml"
            file.write_text(_JOURNEY)
            self._journeys = Journeys(load_journeys([file], {}, catalogue(), ()).journeys)
        pseudonyms = Pseudonyms(b"a key of the benchmark")
        identities = Identities(pseudonyms)
        facts = Facts(Preferences(Settlement(ConsentSettings()), pseudonyms), identities)
        self._applier = Applier(database, facts, identities, self._clock, 730, [self._journeys])
        self._lot = Lot(self._applier.claim(0), [])

    def pend(self, count: int) -> None:
        """Instances whose steps are due in a year."""
        far = micros(self._clock.now()) + 365 * DAY_US
        self._write([far + number * SECOND_US for number in range(count)])
        self._database.write(lambda connection: connection.execute(text("ANALYZE")))

    def fire(self, rate: int) -> Fired:
        """So many a second come due, for a few seconds."""
        begin = micros(self._clock.now()) + 2 * SECOND_US + rate * 500  # written before: half a millisecond each
        dues = [begin + number * SECOND_US // rate for number in range(rate * _SECONDS)]
        self._write(dues)
        firing = Firing(self._database, self._applier, self._journeys, JourneyMeter(Metrics("")), self._clock, 10**6)
        late_s: list[float] = []
        fresh_until = time.monotonic()
        while len(late_s) < len(dues):
            if time.monotonic() >= fresh_until:
                fresh_until = time.monotonic() + _FRESH_EVERY_S
                self._lot.holding = self._applier.apply(self._lot.holding, [], micros(self._clock.now())).holding
            firing.turn({0: self._lot}, _unguarded)
            late_s += self._publish()
            time.sleep(0 if firing.has_work else 0.01)
        return Fired(rate, sorted(late_s))

    def _publish(self) -> list[float]:
        """Let the steps go, and tell how late each is by then."""
        if not (steps := self._lot.outgoing):
            return []
        done = partial(published, mine=self._lot.holding, up_to=steps[-1].sequence)
        self._database.write(done)
        self._lot.outgoing = []
        now = self._clock.now()
        return [(now - one.value["due_at"]).total_seconds() for one in steps if one.value]

    def _write(self, dues: list[int]) -> None:
        for chunk in chunks(dues, _BATCH):
            rows = [self._pair(due) for due in chunk]
            self._database.write(partial(_save, rows=rows))

    def _pair(self, due: int) -> tuple[Instance, Timer, Timer]:
        self._count += 1
        customer, event = f"C-{self._count}", f"e-{self._count}"
        started_at = due - 7 * DAY_US
        start = [started_at, event, None, {"document_type": "bill"}, {"step": 7 * DAY_US}]
        evidence: dict[str, Any] = {"about": {}, "stopped_at": None, "starts": [start], "due": {f"step@{event}": due}}
        about = orjson.dumps({}).decode()
        timer = Timer("bench", customer, about, f"step@{event}", 0, due)
        return (
            Instance("bench", customer, about, 0, started_at, evidence),
            timer,
            replace(timer, step=FORGET, due_at=due + 90 * DAY_US),
        )


def _save(connection: Any, rows: list[tuple[Instance, Timer, Timer]]) -> None:
    shapes.INSTANCES.save(connection, [row[0] for row in rows])
    shapes.TIMERS.save(connection, [timer for row in rows for timer in row[1:]])


def _unguarded(_: Lot, work: Callable[[], None]) -> bool:
    work()
    return True
