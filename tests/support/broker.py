"""A real Apache Kafka broker (KRaft, one node) for tests and benchmarks: no Docker, only Java and Maven.

It may be stopped, killed and started again on the same ports and data, as the fault harness needs.
"""

import base64
import os
import signal
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.kafka_jars import NoKafkaError, kafka_jars
from tests.support.poll import eventually
from tests.support.ports import free_ports, is_listening
from tests.support.secure import SecureDoor

START_S = 60.0
STOP_S = 30.0
HEAP: Sequence[str] = ("-Xmx512m",)
"""Options of Java: enough for tests."""

_JAVA_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
log.dirs={data}
"""
"""As `kafka.server` reads it. The short broker session lets a killed broker come back in seconds."""


class Broker:
    """One broker process with ports and a data folder of its own; `with` starts and ends it.

    With a `door`, TLS and SASL stand beside the plaintext port, and ACLs are enforced.
    """

    def __init__(
        self, folder: Path, jars: Path | None = None, door: SecureDoor | None = None, heap: Sequence[str] = HEAP
    ) -> None:
        self._folder, self._jars, self._door, self._heap = folder, jars or kafka_jars(), door, heap
        self._port, self._controller = free_ports(2)
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address that clients are given; the same after every start."""
        return f"127.0.0.1:{self._port}"

    @property
    def process_id(self) -> int:
        """Of the running broker."""
        return self._running().pid

    def start(self) -> Self:
        """Start on the same ports and data as before; returns when clients are accepted."""
        if not self._properties.exists():
            self._format()
        with (self._folder / "broker.log").open("ab") as log:
            command = self._java(*self._heap, "kafka.Kafka", str(self._properties))
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        eventually(self._accepts_or_ended, START_S, what="Apache Kafka accepts connections")
        return self

    def stop(self) -> None:
        """A calm stop: it leaves its data whole. Does nothing when it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """An abrupt end, as a power cut is one."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def log_tail(self, lines: int = 30) -> str:
        """The end of what it printed."""
        log = self._folder / "broker.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("the broker is not running: start() it first")
        return self._process

    def _java(self, *arguments: str) -> list[str]:
        return ["java", *_JAVA_OPTIONS, "-cp", f"{self._jars}/*", *arguments]

    def _format(self) -> None:
        """Lay the data folder and format it for KRaft, with a cluster id of its own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = _PROPERTIES.format(port=self._port, controller=self._controller, data=self._folder / "data")
        if self._door:
            text += self._door.properties(self._port, self._controller)
        tool = "kafka.tools.StorageTool"
        draft = self._folder / "draft.properties"
        draft.write_text(text)
        _run(self._java(tool, "format", "-t", _cluster_id(), "-c", str(draft)))
        draft.rename(self._properties)

    def _accepts_or_ended(self) -> bool:
        if (code := self._running().poll()) is not None:
            raise NoKafkaError(f"Apache Kafka ended at its start with code {code}:\n{self.log_tail()}")
        return is_listening(self._port)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        os.kill(process.pid, how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cluster_id() -> str:
    """Kafka's text form of a random id: 16 bytes as URL-safe base64, and no hyphen in front."""
    return "K" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    if done.returncode != 0:
        raise NoKafkaError(f"{' '.join(command[-6:])} failed: {done.stderr[-600:]}")
    return done.stdout
