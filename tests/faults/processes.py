"""Worker processes that the fault tests start, kill and stop, as an operator's machine would."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.support.poll import eventually
from tests.support.ports import free_ports

READY_S = 60.0
STOP_S = 40.0

_MAIN = "from workers.cli import main; main()"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with our settings and no others of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMMFLEET_")} | dict(settings)


def command(arguments: Sequence[str], settings: Mapping[str, str], timeout_s: float = 60.0) -> str:
    """Run one `commfleet` command to its end; what it printed. AssertionError when it fails."""
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"commfleet {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
    return done.stdout


class Worker:
    """One `commfleet run …`: `with` starts it, and kills it at the end if it still runs."""

    def __init__(self, arguments: Sequence[str], settings: Mapping[str, str], log: Path) -> None:
        self._arguments, self._log = arguments, log
        (self.port,) = free_ports(1)
        health = {"COMMFLEET_HEALTH__HOST": "127.0.0.1", "COMMFLEET_HEALTH__PORT": str(self.port)}
        self._env = environment({**settings, **health})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, also again; returns at once."""
        with self._log.open("ab") as log:
            line = [sys.executable, "-c", _MAIN, *self._arguments]
            self._process = subprocess.Popen(line, env=self._env, stdout=log, stderr=log)
        return self

    def wait_ready(self) -> Self:
        """Until /readyz says so; AssertionError with the end of its log when it ends or takes too long."""
        eventually(self._is_ready, READY_S, every_s=0.1, what=f"{' '.join(self._arguments)} is ready")
        return self

    def kill(self) -> None:
        """kill -9: nothing of it gets a chance to settle or commit."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

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

    def _is_ready(self) -> bool:
        assert self._process is not None, "start() it first"
        code = self._process.poll()
        assert code is None, f"{' '.join(self._arguments)} ended with {code}:\n{self.log_tail()}"
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2.0).status_code == 200
        except httpx.TransportError:
            return False

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None, "start() it first"
        process.send_signal(how)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end within {STOP_S:g} s:\n{self.log_tail()}") from None
