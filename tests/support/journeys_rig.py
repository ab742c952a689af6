"""A journey worker on the embedded broker, in a thread, over a store of its own."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from confluent_kafka import Producer

from common.codec import Decoder, Encoder, LocalSchemas, from_json
from common.kafka.admin import TopicAdmin
from common.kafka.clients import producer_config
from common.kafka.consumer import Record
from common.kafka.log_reader import LogReader
from common.store.opening import open_as_writer
from tests.support.poll import eventually
from topics.catalogue import topics
from workers.bootstrap.journeys import build_journeys
from workers.bootstrap.worker import Worker
from workers.journeys.reading import DEAD, RETRY, read_topics
from workers.journeys.worker import JourneyWorker
from workers.settings import Settings, load_settings
from workers.sinks.headers import Origin

PARTITIONS = 4


class JourneysRig:
    """A broker's topics, a store, and workers on them one after the other."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, url: str) -> None:
        file = folder / "site.yaml"
        file.write_text(
            f"prefix: {prefix}\nkafka: {{bootstrap.servers: '{bootstrap}', session.timeout.ms: 6000}}\n"
            "health: {port: 0}\n"
            f"store: {{url: '{url}', address_key: an address key of the tests}}\njourneys: {{fresh_every_s: 0.2}}\n"
        )
        self.settings: Settings = load_settings(file, {})
        self._prefix, self._kafka = prefix, self.settings.kafka.client()
        TopicAdmin(self._kafka).touch([prefix + name for name in (*read_topics(), DEAD)])
        self._producer = Producer(producer_config(self._kafka), logger=logging.getLogger(__name__))
        self._encoder, self._decoder = Encoder(LocalSchemas()), Decoder(LocalSchemas())
        self._count = 0

    @contextmanager
    def working(self) -> Iterator[JourneyWorker]:
        """A worker that has taken over its partitions; it is stopped calmly at the end."""
        assert self.settings.store
        database, stop, failures = open_as_writer(self.settings.store, PARTITIONS), threading.Event(), []
        with patch("workers.bootstrap.worker.log.configure"):  # the tests' own logging stays
            base = Worker(self.settings)
        worker = build_journeys(base, self.settings.store, database)

        def run() -> None:
            try:
                worker.run(stop)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            eventually(lambda: worker.status.is_ready or failures, 30, what="the worker has its partitions")
            yield worker
        finally:
            stop.set()
            thread.join(30)
            database.close()
        assert failures == []

    def send(self, topic: str, event: dict[str, Any]) -> None:
        """One event, acknowledged."""
        value = from_json(topic, event)
        self.send_bytes(topic, topics()[topic].key_of(value), self._encoder.encode(topic, value))

    def send_bytes(self, topic: str, key: bytes | None, payload: bytes) -> None:
        """Any record, acknowledged."""
        self._producer.produce(self._prefix + topic, payload, key)
        assert self._producer.flush(10) == 0

    def redrive(self, letter: Record, topic: str, event: dict[str, Any]) -> None:
        """What a redrive writes: the letter's origin, and a value (mended, or readable by now)."""
        headers = dict(Origin.of_letter(letter.headers).written("retry."))
        value = from_json(topic, event)
        self._producer.produce(
            self._prefix + RETRY, self._encoder.encode(topic, value), letter.key, letter.partition, headers={**headers}
        )
        assert self._producer.flush(10) == 0

    def records(self, topic: str) -> list[Record]:
        """Everything of a topic."""
        return list(LogReader(self._kafka).records(self._prefix + topic))

    def events(self, topic: str) -> list[dict[str, Any]]:
        """The same, decoded."""
        return [self._decoder.decode(topic, record.value) for record in self.records(topic)]
