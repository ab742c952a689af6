"""The sink path beside the naive loop: events a second, and CPU per event, as ratios.

Both read the same events from the same broker and send the same objects to the same stub, in turns, each
run in a process of its own on a core of its own. Time and CPU run from the first to the last object at the
stub: neither the start nor the group's assignment is in them. The sink is the real one, `commfleet run sink
braze`, with all that it promises switched on. Of several runs the median counts.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contenders import CONTENDERS, Contender, Scenario
from benchmarks.cores import SENDER, description
from benchmarks.events import payloads
from benchmarks.ground import Ground, ground
from benchmarks.options import Options
from benchmarks.processes import STOP_S, BenchmarkError, Vendor, log_tail, running, until, vendor
from benchmarks.results import Condition, Row

_START_S, _SLOWEST_PER_S = 90.0, 500


SCENARIOS = (
    Scenario("attributes.0ms", "attributes", 0),
    Scenario("attributes.20ms", "attributes", 20),
    Scenario("attributes.20ms.16", "attributes", 20, in_flight=16),
    Scenario("events.0ms", "events", 0),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One run. `cpu_us` is None where CPU time cannot be read."""

    per_s: float
    cpu_us: float | None
    a_request: float


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Run every scenario; rows as they are known."""
    say(f"sink: encoding {options.events} events")
    events = list(payloads(options.events, options.keys))
    with ground(events, say) as stage:
        for scenario in SCENARIOS:
            yield from _rows(scenario, _runs(scenario, stage, options, say), stage, options)


def _runs(scenario: Scenario, stage: Ground, options: Options, say: Callable[[str], None]) -> dict[str, list[Figures]]:
    """Every contender in turn, as often as asked."""
    figures: dict[str, list[Figures]] = {name: [] for name in CONTENDERS}
    with vendor(scenario.delay_ms / 1000) as stub:
        for turn in range(options.runs):
            for name, contender in CONTENDERS.items():
                found = _run(contender, scenario, stage, stub, options.events)
                figures[name].append(found)
                cpu = "" if found.cpu_us is None else f", {found.cpu_us:.1f} µs CPU an event"
                say(f"sink {scenario.name} {name} {turn + 1}/{options.runs}: {found.per_s:,.0f} events/s{cpu}")
    return figures


def _run(contender: Contender, scenario: Scenario, stage: Ground, stub: Vendor, events: int) -> Figures:
    """One run, from a fresh group to the last object; BenchmarkError when the stub got more or less."""
    with tempfile.TemporaryDirectory(prefix="commfleet-bench-") as name:
        folder = Path(name)
        log, command = folder / "log", contender.command(scenario, stage, stub, events, folder)
        with running(command, log, SENDER) as process:
            stub.watch(process.pid, events)
            _await_last(process, stub, log, events)
            if contender.ends_by_itself:
                process.wait(STOP_S)
        tally = stub.count()
        if process.returncode != 0 or tally["objects"] != events:
            raise BenchmarkError(
                f"{scenario.name}: {tally['objects']} objects of {events} events arrived, "
                f"exit code {process.returncode}:\n{log_tail(log)}"
            )
    return _figures(tally, events)


def _await_last(process: subprocess.Popen[bytes], stub: Vendor, log: Path, events: int) -> None:
    def has_arrived() -> bool:
        is_over = process.poll() is not None
        has_all: bool = stub.count()["last_at"] is not None
        if is_over and not has_all:
            raise BenchmarkError(f"it ended with {process.returncode} too early:\n{log_tail(log)}")
        return has_all

    limit_s = _START_S + events / _SLOWEST_PER_S
    until(has_arrived, limit_s, 0.1, lambda: f"{stub.count()['objects']} of {events} arrived\n{log_tail(log)}")


def _figures(tally: Mapping[str, float], events: int) -> Figures:
    seconds = tally["last_at"] - tally["first_at"]
    before, after = tally["first_cpu_s"], tally["last_cpu_s"]
    cpu_us = None if before is None or after is None else (after - before) / events * 1e6
    return Figures(events / seconds, cpu_us, events / tally["requests"])


def _rows(
    scenario: Scenario, figures: Mapping[str, Sequence[Figures]], stage: Ground, options: Options
) -> Iterator[Row]:
    naive, ours = figures["naive"], figures["ours"]
    conditions: dict[str, Condition] = {
        **options.conditions(),
        "reference": "benchmarks/naive_loop.py on the same broker, stub and events",
        "action": scenario.array,
        "vendor_delay_ms": scenario.delay_ms,
        "in_flight": scenario.in_flight,
        "objects_a_request": round(median(one.a_request for one in ours), 1),
        "broker": stage.description,
        "cores": description(),
    }
    yield Row(
        f"sink.{scenario.name}.rate",
        median(one.per_s for one in ours),
        "events/s",
        median(one.per_s for one in naive),
        conditions
        | {"runs": [round(one.per_s) for one in ours], "reference_runs": [round(one.per_s) for one in naive]},
    )
    ours_cpu, naive_cpu = _cpu(ours), _cpu(naive)
    if ours_cpu and naive_cpu:
        runs = {"runs": ours_cpu, "reference_runs": naive_cpu}
        yield Row(f"sink.{scenario.name}.cpu", median(ours_cpu), "µs CPU/event", median(naive_cpu), conditions | runs)


def _cpu(figures: Sequence[Figures]) -> list[float]:
    return [round(one.cpu_us, 1) for one in figures if one.cpu_us is not None]
