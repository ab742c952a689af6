"""The demo's processes: broker, sandbox, webhook and sink; each is `commfleet` itself, in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx

from common.errors import CommfleetError

_START_S = 30.0
_STOP_S = 30.0
_ASK_S = 0.1


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

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not end in time. A second call does nothing."""
        if self.is_running():
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()


class Fleet:
    """Everything that the demo runs, from `with` to its end; processes are stopped in reverse order."""

    def __init__(self, folder: Path, site: Mapping[str, Any]) -> None:
        """`site` is the configuration without addresses: those are filled in when they are known."""
        self._folder = folder
        self._site = site
        self._processes: list[Process] = []
        self._ports = {name: _free_port() for name in ("webhook", "webhook-health", "sink-health")}
        self.bootstrap = self.sandbox = ""

    def __enter__(self) -> Self:
        try:
            self.bootstrap = self._run("broker", "broker").announced()
            self.sandbox = self._run("sandbox", "sandbox", "braze", "--port", "0").announced()
            self._run("webhook", "--config", str(self.config("webhook")), "run", "ingest", "webhook")
            self._run("sink", "--config", str(self.config("sink")), "run", "sink", "braze")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def webhook(self) -> str:
        """The webhook's base URL."""
        return f"http://127.0.0.1:{self._ports['webhook']}"

    def health(self, worker: str) -> str:
        """The base URL of a worker's health port."""
        return f"http://127.0.0.1:{self._ports[f'{worker}-health']}"

    def await_ready(self, http: httpx.Client) -> None:
        """Until webhook and sink are ready. Raises DidNotStartError with the end of the log of one that is not."""
        deadline = time.monotonic() + _START_S
        for worker in ("webhook", "sink"):
            process = next(one for one in self._processes if one.name == worker)
            while not _is_ready(http, self.health(worker)):
                if not process.is_running() or time.monotonic() > deadline:
                    raise DidNotStartError(f"{worker} is not ready: {process.last_words()}")
                time.sleep(_ASK_S)

    def config(self, worker: str) -> Path:
        """A worker's configuration file; JSON is YAML."""
        path = self._folder / f"{worker}.yaml"
        path.write_text(json.dumps(self._settings(worker), indent=2), "utf-8")
        return path

    def _settings(self, worker: str) -> dict[str, Any]:
        sinks, ingest = self._site["sinks"], self._site["ingest"]
        webhook = {**ingest["webhook"], "host": "127.0.0.1", "port": self._ports["webhook"]}
        return {
            **self._site,
            "worker_name": f"demo-{worker}",
            "kafka": {"bootstrap.servers": self.bootstrap},
            "health": {"host": "127.0.0.1", "port": self._ports[f"{worker}-health"]},
            "sinks": {"braze": {**sinks["braze"], "base_url": self.sandbox}},
            "ingest": {"webhook": webhook},
        }

    def _run(self, name: str, *arguments: str) -> Process:
        process = Process(name, arguments, self._folder)
        self._processes.append(process)
        return process

    def _stop(self) -> None:
        for process in reversed(self._processes):
            process.stop()
        self._processes = []


def _is_ready(http: httpx.Client, base: str) -> bool:
    try:
        return http.get(f"{base}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """Ours, without settings that would reach into the demo, and with this code importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMMFLEET_")}
    here = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [here, kept.get("PYTHONPATH", "")]))}
