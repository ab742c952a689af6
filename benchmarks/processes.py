"""The processes of a benchmark: started here, ended here by their own ids, none left behind."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cores import STAGE, started_on

STOP_S = 60.0

_SCRIPT = Path(sys.executable).with_name("commfleet")
COMMFLEET: tuple[str, ...] = (
    (str(_SCRIPT),) if _SCRIPT.exists() else (sys.executable, "-c", "from workers.cli import main; main()")
)
"""The command line as a user starts it, where it is installed; else the same without the script."""


class BenchmarkError(Exception):
    """A benchmark that could not be finished, or whose result would mean nothing; the message says why."""


def until(condition: Callable[[], bool], deadline_s: float, every_s: float, failure: Callable[[], str]) -> None:
    """Ask until it is so; raises BenchmarkError with what `failure` says past the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise BenchmarkError(f"not within {deadline_s:g} s: {failure()}")
        time.sleep(every_s)


def environment() -> dict[str, str]:
    """Ours without any setting of commfleet: a benchmark says itself what is set."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMMFLEET_")}


@contextmanager
def running(command: Sequence[str], log: Path, cores: frozenset[int]) -> Iterator[subprocess.Popen[bytes]]:
    """A process on these cores; it is told to stop at the end, and killed when it does not."""
    with log.open("ab") as out, started_on(cores):
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM and, past the deadline, SIGKILL; its exit code."""
    process.terminate()
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def log_tail(log: Path, lines: int = 20) -> str:
    """The end of what a process wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


class Vendor:
    """The stub vendor's process, as the conductor sees it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def watch(self, pid: int, objects: int, look: bool = False) -> None:
        """Count from now on, until that many objects came from that process; `look` into each, too."""
        self._ask(f"/watch?pid={pid}&objects={objects}{'&look=1' * look}")

    def count(self) -> Mapping[str, Any]:
        """The tally of benchmarks/stub.py."""
        return self._ask("/count")

    def _ask(self, target: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + target, timeout=10) as answer:
            value: dict[str, Any] = json.load(answer)
            return value


@contextmanager
def vendor(delay_s: float, refuse_every: int = 0) -> Iterator[Vendor]:
    """A stub vendor that takes `delay_s` for each answer, and refuses one request in so many."""
    options = {"delay-ms": delay_s * 1000, "refuse-every": refuse_every}
    command = [sys.executable, "-m", "benchmarks.stub", *(f"--{name}={value}" for name, value in options.items())]
    with started_on(STAGE):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    try:
        assert process.stdout is not None
        yield Vendor(int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def get(url: str) -> tuple[int, str]:
    """Status and body of a page of ours; status 0 while nobody listens yet."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""
