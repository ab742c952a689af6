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
from tests.support.registry import Registry
from tests.support.registry_app import NoRegistryError
from tests.support.require import Server, absent
from tests.support.secure import Authority, SecureDoor, missing_openssl

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


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """A real broker with a SASL_SSL port and ACLs; `bootstrap` is the plaintext one, where all is allowed."""

    bootstrap: str
    door: SecureDoor


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A real Apache Kafka with TLS, SASL/SCRAM and ACLs, shared by the tests of this process."""
    if reason := missing_openssl():
        absent(Server.KAFKA, reason)
    folder = tmp_path_factory.mktemp("secure")
    door = SecureDoor(Authority.make(folder / "authority"))
    with _broker(folder / "kafka", door) as broker:
        yield SecureKafka(broker.bootstrap, door)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A real Schema Registry, shared by the tests of this process: use `prefix` for subjects."""
    try:
        found = Registry(tmp_path_factory.mktemp("registry"))
    except NoRegistryError as error:
        absent(Server.REGISTRY, str(error))
    with found:
        yield found


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    """librdkafka's in-process broker, empty."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """A prefix for topics and groups that no other test has."""
    return f"t{uuid.uuid4().hex[:8]}."


def _broker(folder: Path, door: SecureDoor | None = None) -> Broker:
    if reason := missing_tools():
        absent(Server.KAFKA, reason)
    try:
        return Broker(folder, door=door)
    except NoKafkaError as error:
        absent(Server.KAFKA, str(error))
