"""Everything that the demo runs, a process each: broker, sandboxes, webhook, journey worker, sinks and pollers."""

import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from workers.catalogue import VENDORS
from workers.demo.process import DidNotStartError, Process
from workers.demo.site import Addresses
from workers.settings import load_settings
from workers.store_command import migrate_store

_START_S = 90.0
_ASK_S = 0.2
POLLERS = ("marketo", "braze")
SINKS = tuple(f"sink-{name}" for name in VENDORS)
WORKERS = ("webhook", "journeys", *SINKS)

Site = Callable[[Addresses], Mapping[str, Any]]
"""The configuration, once the addresses are known."""


class Fleet:
    """From `with` to its end; processes are stopped in reverse order."""

    def __init__(self, folder: Path, site: Site) -> None:
        self._folder, self._site = folder, site
        self._processes: dict[str, Process] = {}
        self._ports = {name: _free_port() for name in ("door", *WORKERS, *(f"poller-{name}" for name in POLLERS))}
        self.bootstrap = ""
        self.sandboxes: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._start_vendors()
            migrate_store(load_settings(self.config("journeys"), {}))
            self._run("webhook", "run", "ingest", "webhook")
            self._run("journeys", "run", "journeys", "--since", "1h")
            for name in VENDORS:
                self._run(f"sink-{name}", "run", "sink", name)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def door(self) -> str:
        """The webhook's base URL."""
        return f"http://127.0.0.1:{self._ports['door']}"

    def health(self, worker: str) -> str:
        """The base URL of a worker's health port."""
        return f"http://127.0.0.1:{self._ports[worker]}"

    def await_ready(self, http: httpx.Client) -> None:
        """Until all workers are ready. Raises DidNotStartError with the end of the log of one that is not."""
        deadline = time.monotonic() + _START_S
        for worker in WORKERS:
            while not _is_ready(http, self.health(worker)):
                self.check(worker, time.monotonic() > deadline)
                time.sleep(_ASK_S)

    def check(self, worker: str, is_late: bool = False) -> None:
        """Raises DidNotStartError when a worker has ended, or is late."""
        process = self._processes[worker]
        if not process.is_running() or is_late:
            raise DidNotStartError(f"{worker} is not ready: {process.last_words()}")

    def start_poller(self, name: str) -> None:
        """Ask a vendor from an hour ago on."""
        self._run(f"poller-{name}", "run", "poller", name, "--since", "1h")

    def config(self, worker: str) -> Path:
        """A worker's configuration file; JSON is YAML."""
        path = self._folder / f"{worker}.yaml"
        at = Addresses(self.bootstrap, self.sandboxes, f"sqlite:///{self._folder / 'store.db'}")
        own = {"worker_name": f"demo-{worker}", "health": {"host": "127.0.0.1", "port": self._ports[worker]}}
        site = {**self._site(at), **own}
        webhook = {**site["ingest"]["webhook"], "host": "127.0.0.1", "port": self._ports["door"]}
        site["ingest"] = {**site["ingest"], "webhook": webhook}
        path.write_text(json.dumps(site, indent=2), "utf-8")
        return path

    def _start_vendors(self) -> None:
        broker = self._start("broker", "broker")
        boxes = {name: self._start(f"sandbox-{name}", "sandbox", name, "--port", "0") for name in VENDORS}
        self.bootstrap = broker.announced()
        self.sandboxes = {name: box.announced() for name, box in boxes.items()}

    def _run(self, worker: str, *arguments: str) -> None:
        self._start(worker, "--config", str(self.config(worker)), *arguments)

    def _start(self, name: str, *arguments: str) -> Process:
        self._processes[name] = Process(name, arguments, self._folder)
        return self._processes[name]

    def _stop(self) -> None:
        workers = [one for name, one in self._processes.items() if name in self._ports]
        for process in workers:
            process.ask_to_stop()
        for process in (*workers, *reversed(self._processes.values())):
            process.stop()
        self._processes = {}


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
