"""A real Schema Registry (Apicurio, Confluent's API) for tests: no Docker, only Java and Maven.

It may be stopped and started again on the same port and data, as a registry that keeps its schemas in Kafka is.
"""

import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.support.poll import eventually
from tests.support.ports import free_ports
from tests.support.registry_app import NoRegistryError, registry_jar

START_S = 60.0
STOP_S = 30.0


class Registry:
    """One registry process with a port and a database of its own; `with` starts and ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._jar = folder, registry_jar()
        (self._port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, for `registry.url`; the same after every start."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def start(self) -> Self:
        """Start with the schemas it had; returns when it answers. Does nothing when it runs."""
        if self._process is None:
            with (self._folder / "registry.log").open("ab") as log:
                self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
            eventually(self._answers_or_ended, START_S, every_s=0.1, what="the Schema Registry answers")
        return self

    def stop(self) -> None:
        """A calm stop: it keeps its schemas. Does nothing when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self) -> list[str]:
        properties = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(self._port),
            "apicurio.ccompat.use-canonical-hash": "true",
            "apicurio.datasource.url": f"jdbc:h2:file:{self._folder / 'schemas'}",
        }
        options = [f"-D{name}={value}" for name, value in properties.items()]
        return ["java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *options, "-jar", str(self._jar)]

    def _answers_or_ended(self) -> bool:
        if self._process is not None and (code := self._process.poll()) is not None:
            tail = (self._folder / "registry.log").read_text(errors="replace")[-1500:]
            raise NoRegistryError(f"the Schema Registry ended at its start with code {code}:\n{tail}")
        try:
            return httpx.get(f"{self.url}/subjects", timeout=5).is_success
        except httpx.TransportError:
            return False
