"""Events with times of their own on a broker, and a rebuild of what is known of them."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from confluent_kafka import Producer

from common.clock import SystemClock
from common.codec import Decoder, Encoder, LocalSchemas
from common.event import PartitionId, Position
from common.kafka.clients import producer_config
from common.kafka.past_reader import PastReader
from tests.support.poll import eventually
from workers.sinks.delivery import RecordLike
from workers.sinks.duplicates import Duplicates, DuplicateWindow
from workers.sinks.recent import EventIds, Past, Recent

TOPIC = "comms.workspace.v1"
WINDOW = DuplicateWindow()


class PastRig:
    """One event topic of one test."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.kafka = {"bootstrap.servers": bootstrap}
        self.topic, self.prefix = prefix + TOPIC, prefix
        self.duplicates = Duplicates(WINDOW, SystemClock())
        self._producer = Producer(producer_config(self.kafka))
        self._encoder = Encoder(LocalSchemas())
        self._now_ms = int(time.time() * 1000)

    def write(self, *events: tuple[str, float], partition: int = 0, has_header: bool = True) -> None:
        """Events by name, so many minutes old each, acknowledged; their ids are in the header or in the value only."""
        for name, minutes in events:
            self.write_raw(
                self._encoder.encode(TOPIC, _event(name)), minutes, partition,
                [("ce_id", event_id(name).encode())] if has_header else [],
            )  # fmt: skip

    def write_raw(
        self, value: bytes | None, minutes: float, partition: int, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        """Any bytes."""
        at_ms = int(self._now_ms - minutes * 60_000)
        headed: list[tuple[str, str | bytes | None]] = list(headers or [])
        self._producer.produce(self.topic, value, b"c1", partition, timestamp=at_ms, headers=headed)
        assert self._producer.flush(10) == 0

    def first(self, name: str, offset: int, minutes: float = 0, partition: int = 0) -> int | None:
        """Where a copy that stands at this offset has its first occurrence."""
        at_ms = int(self._now_ms - minutes * 60_000)
        found = self.duplicates.seen(event_id(name), Position(self.topic, partition, offset), at_ms)
        return found and found.offset

    @contextmanager
    def rebuilding(self, past: Past | None = None) -> Iterator[Recent]:
        """A rebuilder with its thread."""
        made = Recent(
            past or PastReader(self.kafka), EventIds(Decoder(LocalSchemas()), self.prefix), [self.topic], WINDOW,
            SystemClock(), random.Random(1),
        )  # fmt: skip
        made.start()
        try:
            yield made
        finally:
            made.close()
        assert not any(thread.name == "recent" for thread in threading.enumerate())

    def rebuilt(self, ends: Mapping[int, int]) -> None:
        """Rebuild these partitions, read from these offsets, to the end."""
        with self.rebuilding() as recent:
            recent.gained({PartitionId(self.topic, number): offset for number, offset in ends.items()})
            self.finish(recent, *ends)

    def finish(self, recent: Recent, *numbers: int) -> None:
        """Collect until all are rebuilt."""

        def all_are() -> bool:
            recent.collect(self.duplicates)
            return all(map(recent.is_rebuilt, numbers))

        eventually(all_are, 20)


class StubbornPast:
    """A log that cannot be read at first."""

    def __init__(self, records: list[RecordLike], failures: list[Exception]) -> None:
        self._records, self._failures = records, failures

    def records(
        self, ends: Mapping[PartitionId, int], window_ms: int, now_ms: int, is_over: Callable[[], bool]
    ) -> Iterator[RecordLike]:
        """Half of it, then a failure, as long as there are some."""
        half = len(self._records) // 2
        yield from self._records[:half]
        if self._failures:
            raise self._failures.pop()
        yield from self._records[half:]


def event_id(name: str) -> str:
    """The same name, the same id."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _event(name: str) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "event_id": event_id(name), "type": "CREATED", "source": "ecm", "occurred_at": now, "ingested_at": now,
        "customer": {"customer_id": "c1", "resolved": True}, "workspace_id": "w1",
    }  # fmt: skip
