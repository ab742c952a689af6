"""Marketo's limits, as a fleet uses them: 100 calls in 20 s and 10 at once, while workers join and leave.

The sandbox counts as Marketo does and refuses what is too much (606, 615). The real `commfleet run sink marketo
--group main` runs as one worker, then three more join, then two leave. After each change the fleet gets a window
and a bit to settle; then one window is measured: how much of the group's slice was used, and how full the requests
were. A refusal at any time, or a partition that ran out of events, fails the benchmark.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cores import STAGE, started_on
from benchmarks.events import TOPIC, payloads
from benchmarks.ground import Ground, ground
from benchmarks.options import Options, here
from benchmarks.processes import COMMFLEET, BenchmarkError, end, environment, log_tail, running, until
from benchmarks.results import Condition, Row
from common.clock import SystemClock
from common.metrics import samples
from tests.support.ports import free_ports
from workers.sinks.marketo.config import MarketoConfig
from workers.sinks.marketo.sink import MarketoSink
from workers.sinks.slices import Slice, slices

_EVENTS, _KEYS = 240_000, 5_000
_RATE, _AT_ONCE, _WINDOW_S = 100, 10, 20.0
_LATENCY_S = 0.2
_SETTLE_S = 28.0  # a rebalance, the window that gained partitions begin with, and a second
_START_S = 60.0
_FLOWS = Path(__file__).parent / "flows" / "leads.yaml"


@dataclass(frozen=True, slots=True)
class Phase:
    """So many workers, and how the fleet came to be them."""

    workers: int
    came: str


PHASES = (Phase(1, "started"), Phase(4, "three joined"), Phase(2, "two left"))


@dataclass(frozen=True, slots=True)
class Counts:
    """What is known at one moment: calls that the sandbox charged, and the fleet's requests and their records."""

    charged: int
    requests: int
    records: int


@dataclass(frozen=True, slots=True)
class Window:
    """One measured window of a phase."""

    phase: Phase
    charged: int
    a_request: float


class Worker:
    """One `commfleet run sink marketo --group main`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process, self.log, self._url = process, log, f"http://127.0.0.1:{port}"

    def is_ready(self) -> bool:
        """Whether it owns partitions; BenchmarkError when it has ended."""
        if self.process.poll() is not None:
            raise BenchmarkError(f"a worker ended with {self.process.returncode}:\n{log_tail(self.log)}")
        try:
            return bool(json.loads(_get(f"{self._url}/readyz"))["ready"]) and bool(self.lag())
        except OSError:
            return False

    def sent(self) -> tuple[int, int]:
        """Requests that left, and the records in them."""
        text = _get(f"{self._url}/metrics")
        count, total = (
            sum(value for _, value in samples(text, f"commfleet_batch_size_{part}")) for part in ("count", "sum")
        )
        return int(count), int(total)

    def lag(self) -> list[float]:
        """Events that wait, of each partition that is its own."""
        found = samples(_get(f"{self._url}/metrics"), "commfleet_lag_records")
        return [value for labels, value in found if labels["topic"].endswith(TOPIC)]


class Fleet:
    """Workers of one group, started and ended one by one; all end with the stack."""

    def __init__(self, stage: Ground, url: str, folder: Path, stack: ExitStack) -> None:
        self._stage, self._url, self._folder, self._stack = stage, url, folder, stack
        self._prefix = stage.prefix()
        self.workers: list[Worker] = []
        self._started = 0

    def become(self, count: int) -> None:
        """So many workers, all of them ready."""
        while len(self.workers) > count:
            end(self.workers.pop(0).process)
        while len(self.workers) < count:
            self.workers.append(self._start())
        until(
            lambda: all(worker.is_ready() for worker in self.workers),
            _START_S,
            0.2,
            lambda: "all workers own partitions:\n" + log_tail(self.workers[-1].log),
        )

    def counts(self, sandbox: "Sandbox") -> Counts:
        """Read everything once."""
        sent = [worker.sent() for worker in self.workers]
        return Counts(sandbox.state()["used_today"], sum(one for one, _ in sent), sum(two for _, two in sent))

    def _start(self) -> Worker:
        self._started += 1
        (port,) = free_ports(1)
        config, log = self._folder / f"{self._started}.yaml", self._folder / f"{self._started}.log"
        config.write_text(
            f"prefix: {self._prefix}\n"
            f"worker_name: bench-{self._started}\n"
            f"kafka: {{bootstrap.servers: '{self._stage.bootstrap}'}}\n"
            f"flows: {{defaults: false, files: ['{_FLOWS}']}}\n"
            f"health: {{host: 127.0.0.1, port: {port}}}\n"
            "log: {level: warning}\n"
            f"sinks: {{marketo: {json.dumps(settings(self._url))}}}\n"
        )
        command = [*COMMFLEET, "--config", str(config), "run", "sink", "marketo", "--group", "main"]
        return Worker(self._stack.enter_context(running(command, log, frozenset())), port, log)


class Sandbox:
    """The sandbox's process, by its control endpoint."""

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self) -> dict[str, Any]:
        """What is true there."""
        found: dict[str, Any] = json.loads(_get(f"{self.url}/_sandbox/state"))
        return found


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Play the phases; rows when all are over. How many events there are is its own business."""
    del options
    say(f"marketo: encoding {_EVENTS} events")
    events = list(payloads(_EVENTS, _KEYS))
    with ground(events, say) as stage, tempfile.TemporaryDirectory(prefix="commfleet-bench-") as name:
        with _sandbox() as sandbox, ExitStack() as stack:
            fleet = Fleet(stage, sandbox.url, Path(name), stack)
            windows = [_play(phase, fleet, sandbox, say) for phase in PHASES]
            state = sandbox.state()
        if state["refused"]:
            raise BenchmarkError(f"the fleet asked for more than Marketo allows: {state['refused']}")
        yield from _rows(windows, state, stage)


def _play(phase: Phase, fleet: Fleet, sandbox: Sandbox, say: Callable[[str], None]) -> Window:
    fleet.become(phase.workers)
    time.sleep(_SETTLE_S)
    before, ends_at = fleet.counts(sandbox), time.monotonic() + _WINDOW_S
    time.sleep(max(0.0, ends_at - time.monotonic()))
    after = fleet.counts(sandbox)
    if any(lag <= 0 for worker in fleet.workers for lag in worker.lag()):
        raise BenchmarkError("a partition ran out of events: nobody can say how much of the slice it would have used")
    charged, requests = after.charged - before.charged, after.requests - before.requests
    window = Window(phase, charged, (after.records - before.records) / max(1, requests))
    say(
        f"marketo, {phase.workers} workers ({phase.came}): {charged} calls in 20 s, {window.a_request:.0f} records each"
    )
    return window


def _rows(windows: Sequence[Window], state: dict[str, Any], stage: Ground) -> Iterator[Row]:
    slice_ = _slice()
    (part,) = slice_.requests.values()
    conditions: dict[str, Condition] = {
        **here(),
        "reference": f"the group's slice of {_RATE} calls in 20 s",
        "vendor": f"commfleet's sandbox, {_LATENCY_S * 1000:.0f} ms an answer",
        "at_once": f"{state['most_at_once']} of {slice_.slots} slots of the group, of {_AT_ONCE}",
        "refused_606": state["refused"].get("606", 0),
        "refused_615": state["refused"].get("615", 0),
        "settled_s": _SETTLE_S,
        "broker": stage.description,
        "cores": "shared by all",
        "load_average": round(os.getloadavg()[0], 1),
    }
    for window in windows:
        name = f"marketo.{window.phase.workers}_workers.window"
        yield Row(name, window.charged, "calls/20 s", part, conditions | {"fleet": window.phase.came})
    full = sum(window.a_request for window in windows) / len(windows)
    yield Row(
        "marketo.fill",
        full,
        "records/request",
        MarketoConfig.model_fields["max_records"].default,
        conditions | {"reference": "what a request may carry", "runs": [round(one.a_request, 1) for one in windows]},
    )


def _slice() -> Slice:
    """The part of the group `main`, without the day's quota, which the sandbox counts."""
    config = MarketoConfig.model_validate(settings("http://127.0.0.1"))
    sink = MarketoSink.connect(config, SystemClock())
    try:
        return slices(sink, config.consent_share)["main"]
    finally:
        sink.close()


def settings(url: str) -> dict[str, Any]:
    """The section `sinks.marketo`: all that Marketo allows, for this fleet alone."""
    return {
        "base_url": url,
        "client_id": "sandbox-client",
        "client_secret": "sandbox-only-secret",
        "customer_id_field": "customerNumber",
        "start_from": "beginning",
        "requests_per_20_s": _RATE,
        "max_in_flight": _AT_ONCE,
    }


@contextmanager
def _sandbox() -> Iterator[Sandbox]:
    """Marketo's limits and an answer's time; it need not remember what it received."""
    serve = f"from sandbox.app import serve; serve('marketo', latency_s={_LATENCY_S}, keep_received=1)"
    with started_on(STAGE):
        process = subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.PIPE, env=environment())
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if not line:
            raise BenchmarkError("the sandbox did not start")
        yield Sandbox(line.split()[-1])
    finally:
        process.kill()
        process.communicate()


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
        return text
