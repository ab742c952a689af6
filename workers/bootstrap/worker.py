"""What every worker has: logs, metrics, a health port, and a signal that tells it to stop."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType

from common import log
from common.clock import SystemClock
from common.errors import BrokerDownError, ConfigurationError, RegistryDownError
from common.health import Health
from common.health_server import HealthServer
from common.kafka.admin import TopicAdmin, check_partitions
from common.kafka.log_reader import LogReader
from common.metrics import Metrics
from common.schema_source import AnsweringSource
from topics.catalogue import dead_letter_topic, topics
from workers.oldest_letter import OpenLetters
from workers.oldest_letter import follow as follow_letters
from workers.schema_ids import schema_ids
from workers.settings import Settings

_log = logging.getLogger(__name__)

_RETRY_S = 2.0


class Worker:
    """What every worker has: logs, metrics, a health port, and a signal that tells it to stop."""

    def __init__(self, settings: Settings) -> None:
        log.configure(settings.log, settings.worker_name)
        self.settings = settings
        self.clock = SystemClock()
        self.metrics = Metrics(version("commfleet"))
        self.health = Health()
        self.stop = threading.Event()
        self._broker_trouble = "not reached yet"
        self.health.ready_when("stop", lambda: "told to stop" if self.stop.is_set() else "")
        self.health.ready_when("broker", lambda: self._broker_trouble)
        self.schemas = self._schemas()

    def _schemas(self) -> AnsweringSource:
        """Schema ids of this worker; a registry that does not answer keeps it unready until it has."""
        self._registry_trouble = "" if self.settings.registry is None else "not reached yet"
        if self.settings.registry is not None:
            self.health.ready_when("registry", lambda: self._registry_trouble)
        return schema_ids(self.settings, self.clock)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve health and listen to SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        at = self.settings.health
        token = at.token.get_secret_value() if at.token else ""
        with HealthServer(self.health, self.metrics.render, at.host, at.port, token) as server:
            _log.info("health on port %s", server.port, extra={"port": server.port})
            yield

    def broker_state(self, trouble: str | None) -> None:
        """What a client last learned of the brokers; None is well."""
        self._broker_trouble = trouble or ""

    def membership(self) -> dict[str, str]:
        """What a group is told of this member: its name, where it is to keep its partitions through a restart."""
        return {"group_instance_id": self.settings.worker_name} if self.settings.static_member else {}

    def await_topics(self, needed: list[str]) -> bool:
        """Wait for the broker, then check the topics; False when told to stop meanwhile.

        Raises ConfigurationError when topics are missing or their partition counts are wrong.
        """
        admin, wanted = TopicAdmin(self.settings.kafka.client()), [topics()[name] for name in needed]
        while not self.stop.is_set():
            try:
                problems = check_partitions(admin, self.settings.prefix, wanted, self.settings.topics.partitions)
            except BrokerDownError as error:
                _log.warning("%s; tried again until it answers", error)
                self.broker_state(str(error))
                self.stop.wait(_RETRY_S)
                continue
            if problems:
                raise ConfigurationError("\n".join(problems))
            self.broker_state(None)
            return True
        return False

    def await_registry(self, ask: Callable[[], None]) -> bool:
        """Ask the Schema Registry until it answers; False when told to stop meanwhile."""
        while not self.stop.is_set():
            try:
                ask()
            except RegistryDownError as error:
                _log.warning("%s; tried again until it answers", error)
                self._registry_trouble = str(error)
                self.stop.wait(_RETRY_S)
            else:
                self._registry_trouble = ""
                return True
        return False

    def follow_letters(self, sink: str) -> None:
        """Show how long the oldest dead letter of a sink, or of the journeys, has been open."""
        letters = OpenLetters(LogReader(self.settings.kafka.client()), self.settings.prefix + dead_letter_topic(sink))
        tell = self.metrics.dead_letter_oldest.labels(sink).set
        threading.Thread(
            target=follow_letters, name="letters", args=(letters, tell, self.clock, self.stop), daemon=True
        ).start()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        _log.info("told to stop by %s", signal.Signals(number).name)
        self.stop.set()
