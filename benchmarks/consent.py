"""What asking the customer store costs a sink: the same flow with consent, beside itself without.

The store is SQLite with a profile and a wish of every customer, and never stale. Both sinks read the same events from
the same broker and send to the same stub, in turns, as in sink_path.py.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.contenders import STORE_KEY, Scenario
from benchmarks.cores import description
from benchmarks.events import Payload, event, payloads
from benchmarks.ground import Ground, ground
from benchmarks.options import Options
from benchmarks.processes import vendor
from benchmarks.results import Condition, Row
from benchmarks.sink_limits import Run, latency
from common.clock import SystemClock
from common.codec import from_json
from common.store.config import StoreSettings
from common.store.database import Database
from common.store.migrate import migrate
from common.store.opening import open_as_writer, pseudonyms_of
from common.store.rows import chunks
from common.store.times import micros
from workers.consent.config import ConsentSettings
from workers.consent.settle import Settlement
from workers.journeys.applier import Applier
from workers.journeys.erasure import Identities
from workers.journeys.incoming import Incoming
from workers.journeys.preferences import Preferences
from workers.journeys.reducers import Facts

GOAL, LATENCY_GOAL_S = 0.9, 0.005
_WITHOUT, _WITH = Scenario("consent.without", "attributes", 0), Scenario("consent.with", "consent", 0)


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Rate, CPU and latency, each beside the same without consent."""
    say(f"consent: encoding {options.events} events, {options.keys} customers in the store")
    events = list(payloads(options.events, options.keys))
    with tempfile.TemporaryDirectory(prefix="commfleet-bench-") as name, ground(events, say) as stage:
        store = _filled(Path(name), options.keys)
        about: dict[str, Condition] = {**options.conditions(), "broker": stage.description, "cores": description()}
        about |= {"reference": "the same sink without consent, in turns", "store": "sqlite", "goal": GOAL}
        yield from _rates(stage, events, store, options, about, say)
        yield _latency(stage, store, options, about)


def _rates(
    stage: Ground, events: Sequence[Payload], store: str, options: Options, about: dict[str, Condition],
    say: Callable[[str], None],
) -> Iterator[Row]:  # fmt: skip
    figures: dict[str, list[tuple[float, float]]] = {_WITH.name: [], _WITHOUT.name: []}
    for turn in range(options.runs):
        for scenario, url in ((_WITH, store), (_WITHOUT, "")):
            found = _run(stage, events, scenario, url)
            figures[scenario.name].append(found)
            say(f"{scenario.name} {turn + 1}/{options.runs}: {found[0]:,.0f} events/s, {found[1]:.1f} µs CPU an event")
    for index, (what, unit) in enumerate((("rate", "events/s"), ("cpu", "µs CPU/event"))):
        ours, reference = ([one[index] for one in figures[name]] for name in (_WITH.name, _WITHOUT.name))
        runs: dict[str, Condition] = {"runs": _rounded(ours), "reference_runs": _rounded(reference)}
        yield Row(f"sink.consent.{what}", median(ours), unit, median(reference), about | runs)


def _latency(stage: Ground, store: str, options: Options, about: dict[str, Condition]) -> Row:
    """In turns, the median of each: one pause of the broker is as long as what is asked."""
    pairs = [(latency(stage, _WITH, store)[0], latency(stage, _WITHOUT)[0]) for _ in range(options.runs)]
    late, usual = (median(times) for times in zip(*pairs, strict=True))
    found: dict[str, Condition] = {"reference": "goal", "p99_with_s": round(late, 4), "p99_without_s": round(usual, 4)}
    return Row("sink.consent.latency.added_p99", late - usual, "s", LATENCY_GOAL_S, about | found)


def _run(stage: Ground, events: Sequence[Payload], scenario: Scenario, store: str) -> tuple[float, float]:
    """Events a second, and microseconds of CPU an event, from the first to the last object."""
    with Run(stage, vendor(0.0), expected=len(events), scenario=scenario, store=store) as run:
        run.await_all()
        run.stop()
        tally = run.stub.count()
    cpu_s = tally["last_cpu_s"] - tally["first_cpu_s"]
    return len(events) / (tally["last_at"] - tally["first_at"]), cpu_s / len(events) * 1e6


def _filled(folder: Path, customers: int) -> str:
    """The address of a store in which every customer has a profile and a wish; it is fresh until tomorrow."""
    url = f"sqlite:///{folder / 'store.db'}"
    settings = StoreSettings(url=url, address_key=STORE_KEY)
    with closing(Database(url)) as empty:
        migrate(empty)
    pseudonyms = pseudonyms_of(settings)
    identities = Identities(pseudonyms)
    facts = Facts(Preferences(Settlement(ConsentSettings()), pseudonyms), identities)
    with closing(open_as_writer(settings, 1)) as database:
        worker = Applier(database, facts, identities, SystemClock(), timeline_days=730)
        mine = worker.claim(0)
        for batch in chunks(map(_wish, range(customers)), 500):
            mine = worker.apply(mine, batch).holding
        worker.apply(mine, [], fresh_at=micros(datetime.now(UTC) + timedelta(days=1)))
    return url


def _wish(customer: int) -> Incoming:
    usual = event(customer, customer)
    at = usual["occurred_at"].isoformat()
    wish = {"kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING", "state": "OPTED_IN", "evidence": "EXPLICIT"}
    times = {"occurred_at": at, "ingested_at": at, "effective_at": at}
    head = {"event_id": usual["event_id"], "type": "CHANGED", "source": "braze", "customer": usual["customer"]}
    return Incoming("comms.preference.v1", customer, from_json("comms.preference.v1", {**head, **wish, **times}))


def _rounded(figures: Sequence[float]) -> list[float]:
    return [round(one, 1) for one in figures]
