"""A child process that is `commfleet` itself; its log is a file."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from common.errors import CommfleetError

_STOP_S = 30.0


class DidNotStartError(CommfleetError):
    """A process of the demo ended, or did not get ready in time; its log says why."""


class Process:
    """One child process; its log is a file in the demo's folder."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        self.name, self._log = name, folder / f"{name}.log"
        command = [sys.executable, "-m", "workers", *arguments]
        with self._log.open("wb") as errors:
            self._child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, cwd=folder, env=_environment(), start_new_session=True
            )

    @property
    def id(self) -> int:
        """The process id."""
        return self._child.pid

    def announced(self) -> str:
        """The first line that it prints: an address. Raises DidNotStartError when it ends without one."""
        output: IO[bytes] = self._child.stdout  # type: ignore[assignment]
        line = output.readline().decode().strip()
        if not line:
            raise DidNotStartError(f"{self.name} ended at its start: {self.last_words()}")
        return line.split()[-1]

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._child.poll()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text("utf-8", "replace").strip()[-2000:]

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting for its end."""
        if self.is_running():
            self._child.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not end in time. A second call does nothing."""
        self.ask_to_stop()
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()


def _environment() -> dict[str, str]:
    """Ours, without settings that would reach into the demo, and with this code importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMMFLEET_")}
    here = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [here, kept.get("PYTHONPATH", "")]))}
