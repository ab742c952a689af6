"""What the sink path is held to beside its rate: trouble at the vendor, memory, a stop, latency, two processes.

Each run is the real worker, `commfleet run sink braze` with the attributes flow, on a core of its own. A run in
which an event was lost or sent twice is no result, but a failure.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

from benchmarks.contenders import Scenario, sink_command
from benchmarks.cores import SENDER, description
from benchmarks.events import Payload, encoded, event, payloads
from benchmarks.ground import Ground, append, ground
from benchmarks.options import Options
from benchmarks.processes import BenchmarkError, Vendor, end, get, log_tail, running, until, vendor
from benchmarks.results import Condition, Row
from benchmarks.stub import cpu_s
from tests.support.ports import free_ports

MEMORY_GOAL_MB, STOP_GOAL_S = 250.0, 2.0
LATENCY_GOAL_S = 0.075
"""The default linger of 50 ms, and 25 ms."""

_QUICK, _SLOW = Scenario("attributes.0ms", "attributes", 0), Scenario("attributes.20ms", "attributes", 20)
_BACKLOG: Mapping[str, str | float] = {"start_from": "beginning"}
_LIVE: Mapping[str, str | float] = {"start_from": "end"}
_SETTLE_S = 0.5
_REFUSE_EVERY = 200
_PER_S, _SECONDS, _WARM_S = 500, 8, 3
_RUN_S, _QUIET_S, _EVERY_S = 240.0, 1.0, 0.1


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Every row, as it is known."""
    say(f"limits: encoding {options.events} events")
    events = list(payloads(options.events, options.keys))
    with ground(events, say) as stage:
        about: dict[str, Condition] = {**options.conditions(), "broker": stage.description, "cores": description()}
        for measure in (_refused, _memory, _stop, _latency, _two):
            row = measure(stage, events)
            say(f"limits {row.name}: {row.value:.4g} {row.unit}")
            yield Row(row.name, row.value, row.unit, row.reference, {**about, **row.conditions})


def _refused(stage: Ground, events: Sequence[Payload]) -> Row:
    """One request in 200 is answered 503: nothing is lost, nothing is sent twice.

    Its customers wait `settle_after_s`, as long as the vendor may still act on it: half a second here, else 60 s.
    """
    settings = {**_BACKLOG, "settle_after_s": _SETTLE_S}
    with Run(stage, vendor(0.0, _REFUSE_EVERY), look=len(events), settings=settings) as run:
        run.await_all()
        time.sleep(_QUIET_S)  # whatever would come a second time
        run.stop()
        tally = run.stub.count()
    lost, twice = len(events) - tally["different"], tally["objects"] - tally["different"]
    if lost or twice or not tally["refused"]:
        raise BenchmarkError(f"{lost} events lost, {twice} sent twice, {tally['refused']} requests refused")
    seconds = tally["last_at"] - tally["first_at"]
    found: dict[str, Condition] = {"reference": "none", "settle_after_s": _SETTLE_S, "lost": lost, "twice": twice}
    found["refused_requests"] = tally["refused"]
    return Row("sink.refused.rate", len(events) / seconds, "events/s", None, found)


def _memory(stage: Ground, events: Sequence[Payload]) -> Row:
    """The most memory while a backlog is worked off; flat is when the second half needs no more than the first."""
    sizes: list[tuple[int, float]] = []
    with Run(stage, vendor(0.0), expected=len(events)) as run:
        run.await_all(lambda objects: sizes.append((objects, _resident_mb(run.process))))
    halves = [[mb for n, mb in sizes if (n * 2 > len(events)) is late] or [0.0] for late in (False, True)]
    found: dict[str, Condition] = {"reference": "goal"}
    found |= {"first_half_mb": round(max(halves[0]), 1), "second_half_mb": round(max(halves[1]), 1)}
    return Row("sink.memory", max(mb for _, mb in sizes), "MB", MEMORY_GOAL_MB, found)


def _stop(stage: Ground, events: Sequence[Payload]) -> Row:
    """SIGTERM in the middle of a backlog, until the process is gone; the vendor takes 20 ms."""
    with Run(stage, vendor(_SLOW.delay_ms / 1000), expected=len(events)) as run:
        until(lambda: run.stub.count()["objects"] >= len(events) // 8, _RUN_S, _EVERY_S, run.log)
        began = time.monotonic()
        run.stop()
        seconds = time.monotonic() - began
    return Row("sink.stop", seconds, "s", STOP_GOAL_S, {"reference": "goal", "vendor_delay_ms": _SLOW.delay_ms})


def _latency(stage: Ground, _: Sequence[Payload]) -> Row:
    """From an event's time, when it is produced, to its arrival at the vendor; the 99th percentile."""
    late_s, median_s = latency(stage)
    found: dict[str, Condition] = {"reference": "goal: linger 50 ms + 25 ms", "events_per_s": _PER_S}
    found["median_s"] = round(median_s, 4)
    return Row("sink.latency.p99", late_s, "s", LATENCY_GOAL_S, found | {"events": _PER_S * _SECONDS})


def latency(stage: Ground, scenario: Scenario = _QUICK, store: str = "") -> tuple[float, float]:
    """The 99th percentile and the median of a live stream, in seconds."""
    with Run(
        stage, vendor(0.0), look=_PER_S * _SECONDS, settings=_LIVE, scenario=scenario, store=store
    ) as run:  # fmt: skip
        run.await_ready()
        append(stage.bootstrap, run.prefix, encoded(_live()))
        run.await_all()
        tally = run.stub.count()
        return tally["late_s"], tally["median_s"]


def _two(stage: Ground, events: Sequence[Payload]) -> Row:
    """CPU per event of two processes of one group together, against one alone; both on the one core."""
    one_us, two_us = (_cpu_us(stage, events, processes) for processes in (1, 2))
    found: dict[str, Condition] = {"reference": "one process; the goal is a ratio of 1.15 at most"}
    return Row("sink.two_processes.cpu", two_us, "µs CPU/event", one_us, found)


def _cpu_us(stage: Ground, events: Sequence[Payload], processes: int) -> float:
    with Run(stage, vendor(0.0), expected=len(events), settings=_LIVE, processes=processes) as run:
        run.await_ready()
        before = run.cpu_s()
        append(stage.bootstrap, run.prefix, events)
        run.await_all()
        return (run.cpu_s() - before) / len(events) * 1e6


def _live() -> Iterator[dict[str, Any]]:
    """So many events a second, each with the time at which it is given; before them some that no flow wants.

    Those are for the producer, whose first records wait for its connections.
    """
    began = time.monotonic()
    for number in range(-_PER_S * _WARM_S, _PER_S * _SECONDS):
        time.sleep(max(0.0, began + number / _PER_S + _WARM_S - time.monotonic()))
        now, kind = datetime.now(UTC), "SENT" if number >= 0 else "GENERATED"
        yield event(abs(number), abs(number)) | {"type": kind, "occurred_at": now, "ingested_at": now}


class Run:
    """Sinks of one group and their vendor, from start to end."""

    def __init__(
        self, stage: Ground, stub: Any, *, expected: int = 0, look: int = 0, processes: int = 1,
        settings: Mapping[str, str | float] = _BACKLOG, scenario: Scenario = _QUICK, store: str = "",
    ) -> None:  # fmt: skip
        """`look` instead of `expected`: so many different documents, and the vendor looks into each object."""
        self._stage, self._stub, self._count, self._looks = stage, stub, look or expected, bool(look)
        self._settings, self._ports, self._scenario, self._store = settings, free_ports(processes), scenario, store
        self._stack = ExitStack()

    def __enter__(self) -> "Run":
        self.stub: Vendor = self._stack.enter_context(self._stub)
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="commfleet-bench-")))
        self._log, self.prefix = folder / "log", self._stage.prefix()
        self._processes = [self._started(folder, port) for port in self._ports]
        self.process = self._processes[0]
        self.stub.watch(self.process.pid, self._count, self._looks)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _started(self, folder: Path, port: int) -> "Popen[bytes]":
        command = sink_command(
            self._scenario, self._stage, self.stub, folder, port, prefix=self.prefix, settings=self._settings,
            store=self._store,
        )  # fmt: skip
        return self._stack.enter_context(running(command, self._log, SENDER))

    def await_ready(self) -> None:
        """All are ready, and were a moment ago: the group has settled."""
        ready_since = [time.monotonic()]

        def is_settled() -> bool:
            if not all(get(f"http://127.0.0.1:{port}/readyz")[0] == 200 for port in self._ports):
                ready_since[0] = time.monotonic()
            return time.monotonic() - ready_since[0] > 2 * _QUIET_S

        until(is_settled, _RUN_S, _EVERY_S, self.log)

    def await_all(self, each: Callable[[int], object] = lambda _: None) -> None:
        """Everything has arrived; `each` is told the count now and then."""

        def has_arrived() -> bool:
            tally: Mapping[str, Any] = self.stub.count()
            each(tally["objects"])
            return tally["last_at"] is not None

        until(has_arrived, _RUN_S, _EVERY_S, self.log)

    def stop(self) -> None:
        """SIGTERM, and its end; raises BenchmarkError unless it ended well."""
        for process in self._processes:
            if code := end(process):
                raise BenchmarkError(f"exit code {code}:\n{self.log()}")

    def cpu_s(self) -> float:
        """CPU seconds of all processes so far."""
        found = [cpu_s(process.pid) for process in self._processes]
        return sum(one for one in found if one is not None)

    def log(self) -> str:
        """What the processes wrote last."""
        return f"{self.stub.count()['objects']} objects arrived\n{log_tail(self._log)}"


def _resident_mb(process: "Popen[bytes]") -> float:
    """The memory of a process that is in RAM; 0 where it cannot be read."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)
