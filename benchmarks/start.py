"""How soon a command answers, and a worker works.

`commfleet --help`: wall and CPU of the whole process. A sink: from the start of its process until
`/readyz` says ready, in three parts told apart by its own health port:

1. until `/readyz` knows the runner: broker reached, topics checked, clients made, about to join;
2. the group's assignment, until `/metrics` counts a rebalance;
3. until ready: start offsets learned, nonce committed, gates open.

The second is Kafka's time (engine and broker settle it between them) and is left out of the result.
"""

import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contenders import sink_command
from benchmarks.cores import SENDER, description, started_on
from benchmarks.ground import Ground, ground
from benchmarks.options import Options, here
from benchmarks.processes import COMMFLEET, BenchmarkError, environment, get, log_tail, running, until, vendor
from benchmarks.results import Condition, Row
from benchmarks.sink_path import SCENARIOS
from tests.support.ports import free_ports

HELP_GOAL_S = 0.25
READY_GOAL_S = 1.5

_HELP_RUNS = 5
_READY_S, _ASK_EVERY_S = 60.0, 0.01
_RUNNER = "braze.main"
_REBALANCED = "commfleet_rebalances_total{"


@dataclass(frozen=True, slots=True)
class Start:
    """The seconds of the three parts."""

    until_join: float
    assignment: float
    until_ready: float

    @property
    def ours(self) -> float:
        """All but the group's assignment."""
        return self.until_join + self.until_ready


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Both measurements."""
    yield from _help_rows()
    with ground([], say) as stage:
        starts = [_start(stage) for _ in range(options.runs)]
    chosen = sorted(starts, key=lambda start: start.ours)[len(starts) // 2]
    conditions: dict[str, Condition] = {
        **here(),
        "reference": "goal",
        "measured": "process start to /readyz 200, without the time from joining the group to its assignment",
        "until_join_s": round(chosen.until_join, 3),
        "assignment_s": round(chosen.assignment, 3),
        "assigned_until_ready_s": round(chosen.until_ready, 3),
        "runs": [round(start.ours, 3) for start in starts],
        "broker": stage.description,
        "cores": description(),
    }
    yield Row("start.sink_ready", chosen.ours, "s", READY_GOAL_S, conditions)


def _help_rows() -> Iterator[Row]:
    _help()  # the first one also writes .pyc files and warms the disk's cache
    found = [_help() for _ in range(_HELP_RUNS)]
    walls, cpus = [wall for wall, _ in found], [cpu for _, cpu in found]
    conditions = here() | {"cores": description()}
    runs: dict[str, Condition] = {"reference": "goal", "runs": [round(cpu, 3) for cpu in cpus]}
    yield Row("start.help_cpu", median(cpus), "s CPU", HELP_GOAL_S, conditions | runs)
    yield Row("start.help_wall", median(walls), "s", None, conditions | {"runs": [round(wall, 3) for wall in walls]})


def _help() -> tuple[float, float]:
    """Wall and CPU seconds of `commfleet --help`, the interpreter's own start included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with started_on(SENDER):
        done = subprocess.run(
            [*COMMFLEET, "--help"], capture_output=True, text=True, timeout=60, check=False, env=environment()
        )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise BenchmarkError(f"commfleet --help failed: {done.stderr[-600:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _start(stage: Ground) -> Start:
    """One sink, until it is ready."""
    with tempfile.TemporaryDirectory(prefix="commfleet-bench-") as name, vendor(0.0) as stub:
        folder = Path(name)
        (port,) = free_ports(1)
        command, log = sink_command(SCENARIOS[0], stage, stub, folder, port), folder / "log"
        url = f"http://127.0.0.1:{port}"

        def reached(condition: Callable[[], bool], what: str) -> float:
            until(condition, _READY_S, _ASK_EVERY_S, lambda: f"{what}\n{log_tail(log)}")
            return time.monotonic()

        began = time.monotonic()
        with running(command, log, SENDER):
            joining = reached(lambda: _RUNNER in _checks(url), "the sink joins its group")
            assigned = reached(lambda: _REBALANCED in get(url + "/metrics")[1], "the group assigns partitions")
            ready = reached(lambda: get(url + "/readyz")[0] == 200, "the sink is ready")
    return Start(joining - began, assigned - joining, ready - assigned)


def _checks(url: str) -> dict[str, str]:
    status, body = get(url + "/readyz")
    return json.loads(body)["checks"] if status else {}
