"""Brokers as pytest fixtures; `tests/conftest.py` makes them known to every test."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from common.kafka.embedded import EmbeddedBroker
from tests.support.broker import Broker
from tests.support.kafka_jars import NoKafkaError, missing_tools
from tests.support.require import Server, absent

BOOTSTRAP_VARIABLE = "COMMFLEET_TEST_BOOTSTRAP"


class Kafka(Protocol):
    """Any broker, as a test sees it."""

    @property
    def bootstrap(self) -> str:
        """What `bootstrap.servers` must say."""
        ...


@dataclass(frozen=True, slots=True)
class ExternalKafka:
    """A broker that somebody else runs; tests share it and keep to topics of their own prefix."""

    bootstrap: str


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A real Apache Kafka, shared by the tests of this process: use `prefix` for topics and groups."""
    if address := os.environ.get(BOOTSTRAP_VARIABLE):
        yield ExternalKafka(address)
        return
    with _broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Broker]:
    """A real Apache Kafka of this test alone, which it may stop, kill and start."""
    with _broker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    """librdkafka's in-process broker, empty."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """A prefix for topics and groups that no other test has."""
    return f"t{uuid.uuid4().hex[:8]}."


def _broker(folder: Path) -> Broker:
    if reason := missing_tools():
        absent(Server.KAFKA, reason)
    try:
        return Broker(folder)
    except NoKafkaError as error:
        absent(Server.KAFKA, str(error))
