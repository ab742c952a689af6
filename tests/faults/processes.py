"""Worker processes that the fault tests start, kill, put to sleep and stop, as an operator's machine would."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from common.metrics import samples
from tests.faults.story import Counted
from tests.support.poll import eventually
from tests.support.ports import free_ports

READY_S = 60.0
STOP_S = 40.0
ROOT = Path(__file__).parents[2]

_MAIN = "from workers.cli import main; main()"
_PATCHED = "from tests.faults.patched import main; main({name!r})"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with our settings and no others of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMMFLEET_")}
    return {**kept, "PYTHONFAULTHANDLER": "1", **settings}  # a crash in C code tells where


def spawn(
    arguments: Sequence[str], settings: Mapping[str, str], log: Path, patch: str = ""
) -> "subprocess.Popen[bytes]":
    """Start a `commfleet` command; with a patch, one of its collaborators is another (`tests/faults/patched.py`)."""
    main = _PATCHED.format(name=patch) if patch else _MAIN
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-c", main, *arguments], env=environment(settings), stdout=file, stderr=file, cwd=ROOT
        )


def command(arguments: Sequence[str], settings: Mapping[str, str], timeout_s: float = 60.0) -> str:
    """Run one `commfleet` command to its end; what it printed. AssertionError when it fails."""
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, f"commfleet {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
    return done.stdout


class Worker:
    """One `commfleet run …`: `with` starts it, and kills it at the end if it still runs."""

    def __init__(self, arguments: Sequence[str], settings: Mapping[str, str], log: Path, patch: str = "") -> None:
        self._arguments, self._log, self._patch = arguments, log, patch
        (self.port,) = free_ports(1)
        health = {"COMMFLEET_HEALTH__HOST": "127.0.0.1", "COMMFLEET_HEALTH__PORT": str(self.port)}
        self._settings = {**settings, **health}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, also again; returns at once."""
        self._process = spawn(self._arguments, self._settings, self._log, self._patch)
        return self

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended, by whatever cause."""
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int:
        """Of the running process."""
        return self._running().pid

    def wait_ready(self) -> Self:
        """Until /readyz says so; AssertionError with the end of its log when it ends or takes too long."""
        eventually(self.is_ready, READY_S, every_s=0.1, what=f"{' '.join(self._arguments)} is ready")
        return self

    def is_ready(self) -> bool:
        """Whether /readyz says so now; AssertionError with the end of its log when it has ended."""
        code = self._running().poll()
        assert code is None, f"{' '.join(self._arguments)} ended with {code}:\n{self.log_tail()}"
        answer = self.ask("readyz")
        return answer is not None and answer.status_code == 200

    def ask(self, path: str) -> httpx.Response | None:
        """What the health port answers; None while nobody does."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/{path}", timeout=2.0, trust_env=False)
        except httpx.TransportError:
            return None

    def checks(self) -> dict[str, str]:
        """What /readyz asks about, and each answer."""
        answer = self.ask("readyz")
        return dict(answer.json()["checks"]) if answer else {}

    def holds(self) -> list[str]:
        """The causes of the holds that /readyz lists."""
        answer = self.ask("readyz")
        return [str(hold["cause"]) for hold in answer.json()["holds"]] if answer else []

    def counted(self) -> Counted | None:
        """What /metrics says; None when nobody answers."""
        answer = self.ask("metrics")
        if answer is None:
            return None
        ended, requests, letters = Counter[tuple[str, str]](), Counter[tuple[str, str]](), 0
        for labels, value in samples(answer.text, "commfleet_deliveries_total"):
            ended[labels["flow"], labels["verdict"]] += int(value)
        for labels, value in samples(answer.text, "commfleet_vendor_requests_total"):
            requests[labels["action"], labels["status"]] += int(value)
        for _, value in samples(answer.text, "commfleet_dead_letters_total"):
            letters += int(value)
        return Counted(ended, requests, letters)

    def kill(self) -> None:
        """kill -9: nothing of it gets a chance to settle or commit."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def abort(self) -> None:
        """SIGABRT: the stacks of its threads stand in its log, and it ends."""
        self._end(signal.SIGABRT)

    def suspend(self) -> None:
        """SIGSTOP: it stands still, and knows nothing of it."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        self._running().send_signal(signal.SIGCONT)

    def is_suspended(self) -> bool:
        """Whether it stands still, by our signal or its own."""
        try:
            stat = Path(f"/proc/{self.process_id}/stat").read_text()
        except FileNotFoundError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def wait_end(self, timeout_s: float = STOP_S) -> int:
        """Its exit code, when it ends by itself."""
        process = self._running()
        eventually(lambda: process.poll() is not None, timeout_s, what=f"{' '.join(self._arguments)} ends")
        return process.wait()

    def log_tail(self, lines: int = 40) -> str:
        """The end of what it printed."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "start() it first"
        return self._process

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._running(), None
        process.send_signal(how)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # the stacks of its threads stand in its log
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end within {STOP_S:g} s:\n{self.log_tail()}") from None
