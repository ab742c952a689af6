"""The webhook beside a bare handler: acknowledged events a second on one core, and CPU per event.

Both get the same events over the same number of connections and put them on the same topic of the same broker,
in turns, each run in a process of its own on a core of its own. The webhook is the real one, `commfleet run ingest
webhook`, with signatures, limits, validation and metrics; the reference (benchmarks/bare_webhook.py) checks nothing.
Of several runs the median counts; a run counts when the topic then holds exactly what was acknowledged.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import orjson
from confluent_kafka import Consumer, TopicPartition

from benchmarks.cores import SENDER, STAGE, description, started_on
from benchmarks.events import TOPIC, events
from benchmarks.ground import Ground, ground
from benchmarks.http_load import Load, drive, request
from benchmarks.options import Options
from benchmarks.processes import COMMFLEET, BenchmarkError, log_tail, running, until
from benchmarks.results import Condition, Row
from common.codec import to_json
from tests.support.ports import free_ports
from workers.ingest.auth import sign

_SECRET = "benchmark"
_CONNECTIONS = 32
_START_S = 60.0
_WARM = 20


@dataclass(frozen=True, slots=True)
class Scenario:
    """How many events a request has, and which part of all events is sent."""

    name: str
    batch: int
    share: float


SCENARIOS = (Scenario("single", 1, 0.25), Scenario("batch100", 100, 1.0))


@dataclass(frozen=True, slots=True)
class Door:
    """One contender: how it is started, where it listens, and how a body is sent to it."""

    command: Callable[[Ground, str, int, Path], list[str]]
    request: Callable[[int, bytes], bytes]


def _ours(stage: Ground, prefix: str, port: int, folder: Path) -> list[str]:
    config = folder / "commfleet.yaml"
    config.write_text(
        f"prefix: {prefix}\n"
        f"kafka: {{bootstrap.servers: '{stage.bootstrap}'}}\n"
        "health: {host: 127.0.0.1, port: 0}\n"
        "log: {level: warning}\n"
        "ingest:\n"
        "  webhook:\n"
        "    host: 127.0.0.1\n"
        f"    port: {port}\n"
        "    unready_s: 0\n"
        f"    sources: {{upstream: {{kind: canonical, auth: {{kind: hmac, secrets: [{_SECRET}]}}}}}}\n"
    )
    return [*COMMFLEET, "--config", str(config), "run", "ingest", "webhook"]


def _signed(port: int, body: bytes) -> bytes:
    now = int(time.time())
    headers = {"X-Timestamp": str(now), "X-Signature": sign(_SECRET, now, body)}
    return request(port, f"/v1/events/{TOPIC}", body, headers)


def _bare(stage: Ground, prefix: str, port: int, _: Path) -> list[str]:
    arguments = ["--bootstrap", stage.bootstrap, "--topic", prefix + TOPIC, "--port", str(port)]
    return [sys.executable, "-m", "benchmarks.bare_webhook", *arguments]


DOORS: Mapping[str, Door] = {
    "bare": Door(_bare, lambda port, body: request(port, "/events", body, {})),
    "ours": Door(_ours, _signed),
}
"""In the order of their turns."""


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Run every scenario; rows as they are known."""
    with ground([], say) as stage:
        for scenario in SCENARIOS:
            bodies = list(_bodies(scenario, options))
            loads: dict[str, list[Load]] = {name: [] for name in DOORS}
            for turn in range(options.runs):
                for name, door in DOORS.items():
                    load = _run(door, stage, bodies, scenario.batch)
                    loads[name].append(load)
                    rate = len(bodies) * scenario.batch / load.seconds
                    say(f"webhook {scenario.name} {name} {turn + 1}/{options.runs}: {rate:,.0f} events/s")
            yield from _rows(scenario, loads, len(bodies) * scenario.batch, stage, options)


def _bodies(scenario: Scenario, options: Options) -> Iterator[bytes]:
    """Whole requests only: the same events for every contender."""
    count = max(scenario.batch * _CONNECTIONS, int(options.events * scenario.share))
    sent = (_as_sent(event) for event in events(count // scenario.batch * scenario.batch, options.keys))
    while batch := list(islice(sent, scenario.batch)):
        yield orjson.dumps(batch[0] if scenario.batch == 1 else batch)


def _as_sent(event: dict[str, object]) -> dict[str, object]:
    """As an upstream system writes it: nothing that is null, nor what the receiver says."""
    sent = {name: value for name, value in to_json(TOPIC, event).items() if value is not None and name != "ingested_at"}
    sent["customer"] = {name: value for name, value in sent["customer"].items() if value is not None}
    return sent


def _run(door: Door, stage: Ground, bodies: Sequence[bytes], batch: int) -> Load:
    """One run: started, warmed up, driven, and what it acknowledged found on the topic."""
    (port,) = free_ports(1)
    prefix = stage.prefix()
    with tempfile.TemporaryDirectory(prefix="commfleet-bench-") as name:
        folder = Path(name)
        command, log = door.command(stage, prefix, port, folder), folder / "log"
        with running(command, log, SENDER) as process:
            warm = [door.request(port, body) for body in bodies[:_WARM]]

            def is_warm() -> bool:
                if process.poll() is not None:
                    raise BenchmarkError(f"it ended with {process.returncode}:\n{log_tail(log)}")
                try:
                    drive(port, process.pid, warm, 2)
                except (OSError, EOFError, BenchmarkError):
                    return False
                return True

            until(is_warm, _START_S, 0.2, lambda: f"it takes requests\n{log_tail(log)}")
            before = _records(stage.bootstrap, prefix + TOPIC)
            requests = [door.request(port, body) for body in bodies]
            with started_on(STAGE):
                load = drive(port, process.pid, requests, _CONNECTIONS)
            found, acknowledged = _records(stage.bootstrap, prefix + TOPIC) - before, len(bodies) * batch
    if found != acknowledged:
        raise BenchmarkError(f"{acknowledged} events were acknowledged, {found} stand on {prefix + TOPIC}")
    return load


def _records(bootstrap: str, topic: str) -> int:
    """How many records a topic holds."""
    with Consumer({"bootstrap.servers": bootstrap, "group.id": "benchmark"}) as consumer:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        return sum(consumer.get_watermark_offsets(TopicPartition(topic, one), timeout=10)[1] for one in partitions)


def _rows(
    scenario: Scenario, loads: Mapping[str, Sequence[Load]], count: int, stage: Ground, options: Options
) -> Iterator[Row]:
    conditions: dict[str, Condition] = {
        **options.conditions(),
        "reference": "benchmarks/bare_webhook.py on the same broker and events, which checks nothing",
        "events": count,
        "events_a_request": scenario.batch,
        "connections": _CONNECTIONS,
        "http": "uvicorn with h11 and asyncio, both",
        "broker": stage.description,
        "cores": description(),
    }
    rates = {name: [round(count / one.seconds) for one in runs] for name, runs in loads.items()}
    yield _row(f"webhook.{scenario.name}.rate", "events/s", rates, conditions)
    costs = {name: [round(one.cpu_s / count * 1e6, 1) for one in runs if one.cpu_s] for name, runs in loads.items()}
    if all(costs.values()):
        yield _row(f"webhook.{scenario.name}.cpu", "µs CPU/event", costs, conditions)


def _row(name: str, unit: str, runs: Mapping[str, Sequence[float]], conditions: Mapping[str, Condition]) -> Row:
    every: dict[str, Condition] = {"runs": runs["ours"], "reference_runs": runs["bare"]}
    return Row(name, median(runs["ours"]), unit, median(runs["bare"]), {**conditions, **every})
