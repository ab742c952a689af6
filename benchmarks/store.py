"""How fast one process applies events to the customer store, beside a bare multi-row upsert into the same tables.

Both write durably (SQLite with synchronous=FULL, PostgreSQL with fsync), 500 events a transaction. The bare upsert
writes the rows that the events end in, one timeline line and one profile an event, and knows nothing of events: what
is left is what fence, reducers, consent and outbox cost.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.options import Options, here
from benchmarks.results import Condition, Row
from common.clock import SystemClock
from common.codec import from_json
from common.store import shapes
from common.store.database import Database
from common.store.migrate import migrate
from common.store.pseudonyms import Pseudonyms
from common.store.rows import chunks
from common.store.times import micros
from common.store.values import Entry, Profile
from tests.support.postgres import NoPostgresError, running_postgres
from workers.consent.config import ConsentSettings
from workers.consent.settle import Settlement
from workers.journeys.applier import Applier
from workers.journeys.erasure import Identities
from workers.journeys.incoming import Incoming
from workers.journeys.preferences import Preferences
from workers.journeys.reducers import Facts

GOAL = 5000
BATCH = 500

_NOW = datetime.now(UTC).replace(microsecond=0)
_MIX = (("communication", 45), ("engagement", 40), ("profile", 10), ("preference", 5))


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Both engines; PostgreSQL is left out, and says so, where there is none."""
    yield from _engine("sqlite", options, say)
    try:
        yield from _engine("postgresql", options, say)
    except NoPostgresError as error:
        say(f"no PostgreSQL is measured: {error}")


def _engine(name: str, options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    events = _events(options.events, options.keys)
    applied, bare = [], []
    with ExitStack() as stack:
        fresh = sqlite_stores(stack) if name == "sqlite" else postgres_stores(stack)
        for run in range(options.runs):
            applied.append(_timed(fresh(f"applied{run}"), events, _apply))
            bare.append(_timed(fresh(f"bare{run}"), events, _upsert))
            say(f"store {name}: {applied[-1]:,.0f} events/s, bare upsert {bare[-1]:,.0f}")
    conditions: dict[str, Condition] = {
        **options.conditions(),
        **here(),
        "reference": "a bare multi-row upsert of as many timeline lines and profiles, in the same run",
        "goal": GOAL,
        "batch": BATCH,
        "mix": ", ".join(f"{share} % {topic}" for topic, share in _MIX),
        "runs": [round(rate) for rate in applied],
        "reference_runs": [round(rate) for rate in bare],
    }
    yield Row(f"store.apply_{name}", median(applied), "events/s", median(bare), conditions)


def sqlite_stores(stack: ExitStack) -> Callable[[str], Database]:
    """New SQLite files by name; not migrated."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="commfleet-bench-")))
    return lambda name: Database(f"sqlite:///{folder / name}.db")


def postgres_stores(stack: ExitStack) -> Callable[[str], Database]:
    """New databases of a durable PostgreSQL by name; not migrated. Raises NoPostgresError."""
    address = stack.enter_context(running_postgres(is_durable=True))

    def fresh(name: str) -> Database:
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return Database(f"{address}/{name}")

    return fresh


def _timed(
    database: Database, events: Sequence[Incoming], work: Callable[[Database, Sequence[Incoming]], None]
) -> float:
    migrate(database)
    began = time.perf_counter()
    work(database, events)
    took = time.perf_counter() - began
    database.close()
    return len(events) / took


def _apply(database: Database, events: Sequence[Incoming]) -> None:
    pseudonyms = Pseudonyms(b"a key of the benchmark")
    identities = Identities(pseudonyms)
    facts = Facts(Preferences(Settlement(ConsentSettings()), pseudonyms), identities)
    worker = Applier(database, facts, identities, SystemClock(), timeline_days=730)
    mine = worker.claim(0)
    for batch in chunks(events, BATCH):
        mine = worker.apply(mine, batch).holding


def _upsert(database: Database, events: Sequence[Incoming]) -> None:
    for batch in chunks(events, BATCH):
        lines = [_line(record) for record in batch]
        profiles = {record.customer_id: _profile(record) for record in batch}

        def write(connection: Any, lines: Any = lines, profiles: Any = profiles) -> None:
            shapes.PROFILES.save(connection, profiles.values())
            shapes.TIMELINE.save(connection, lines)

        database.write(write)


def _line(record: Incoming) -> Entry:
    value = record.value or {}
    place = (value["event_id"], 0, record.customer_id or "", record.occurred_at, record.topic, value["type"])
    return Entry(*place, "bench", None, None, None, None, None, None, None, {})


def _profile(record: Incoming) -> Profile:
    value = record.value or {}
    return Profile(record.customer_id or "", 0, True, value["customer"], {}, {}, None, micros(value["occurred_at"]))


def _events(count: int, keys: int) -> list[Incoming]:
    """The same for every contender and run."""
    chance, offsets = random.Random(7), dict.fromkeys((name for name, _ in _MIX), 0)
    kinds = chance.choices([name for name, _ in _MIX], [share for _, share in _MIX], k=count)
    events = []
    for number, kind in enumerate(kinds):
        value = from_json(f"comms.{kind}.v1", _event(number, kind, f"C-{chance.randrange(keys)}", chance))
        events.append(Incoming(f"comms.{kind}.v1", offsets[kind], value))
        offsets[kind] += 1
    return events


def _event(number: int, kind: str, customer: str, chance: random.Random) -> dict[str, Any]:
    at = (_NOW - timedelta(days=1) + timedelta(seconds=number)).isoformat()
    whole = {
        "event_id": f"00000000-0000-0000-0000-{number:012}",
        "source": chance.choice(("braze", "marketo")),
        "occurred_at": at,
        "ingested_at": at,
        "customer": {"customer_id": customer, "email": f"{customer.lower()}@example.com", "first_name": "Ada"},
    }
    match kind:
        case "communication":
            more: dict[str, Any] = {"type": "DELIVERED", "document_id": f"D-{number}", "document_type": "bill"}
        case "engagement":
            more = {"type": "EMAIL_OPENED", "dispatch_id": f"d-{number}", "campaign": "spring"}
        case "profile":
            more = {"type": "CHANGED", "lead_score": chance.randrange(100)}
        case _:
            state = chance.choice(("OPTED_IN", "OPTED_OUT"))
            more = {"type": "CHANGED", "kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING", "state": state}
            more |= {"effective_at": at, "evidence": "EXPLICIT"}
    return whole | more
