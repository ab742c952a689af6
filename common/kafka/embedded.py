"""librdkafka's in-process broker: Kafka for the demo and the fast tests, without a server.

Other processes may connect to it over TCP. What it cannot do: topics have four partitions, always, and
appear on first use; a partition keeps 5 MiB or 100,000 messages, then old ones vanish; no topic
configuration, compaction or access control; offsets sent to a transaction are accepted but not stored;
a commit inside `on_revoke` is refused. It lives as long as this object. Nobody's production.
"""

from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Producer

from common.errors import FatalError

PARTITIONS = 4
"""Of every topic of the embedded broker; it cannot be told otherwise."""

_ANSWER_S = 10.0


class EmbeddedBroker:
    """A broker inside this process, from `start` (or `with`) until `close`."""

    def __init__(self, brokers: int = 1) -> None:
        self._brokers = brokers
        self._host: Producer | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """What `bootstrap.servers` must say to reach it: `host:port`, comma-separated."""
        if not self._bootstrap:
            raise FatalError("the embedded broker is not running: call start(), or use it with `with`")
        return self._bootstrap

    def start(self) -> Self:
        """Listen on free loopback ports; raises FatalError when librdkafka cannot."""
        settings = {"bootstrap.servers": "unused", "test.mock.num.brokers": self._brokers, "log_level": 3}
        host = Producer(settings)  # the log level keeps its notice that "unused" is not used quiet
        try:
            brokers = host.list_topics(timeout=_ANSWER_S).brokers.values()
        except KafkaException as error:
            host.close()
            raise FatalError(f"the embedded broker did not start in {_ANSWER_S:.0f} s: {error}") from error
        self._host = host
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def close(self) -> None:
        """Let it go, with everything it kept. A second call does nothing."""
        if self._host is not None:
            self._host.close()
        self._host, self._bootstrap = None, ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
