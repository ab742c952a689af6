"""What every test has: the brokers, hypothesis without a stopwatch, and marks that follow from fixtures."""

import os

import pytest
from hypothesis import settings

from tests.support.fixtures import embedded, kafka, own_kafka, prefix, registry, secure_kafka
from tests.support.require import VARIABLE, required
from tests.support.store import database, postgres, sqlite_template

__all__ = [
    "database",
    "embedded",
    "kafka",
    "own_kafka",
    "postgres",
    "prefix",
    "registry",
    "secure_kafka",
    "sqlite_template",
]

settings.register_profile("commfleet", deadline=None, print_blob=True)  # two shared cores: time tells nothing
settings.load_profile("commfleet")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a COMMFLEET_REQUIRE that names something unknown before any test runs."""
    required(os.environ.get(VARIABLE, ""))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a real broker or registry, and keep it in one process, so that each is started once."""
    for item in items:
        servers = set(getattr(item, "fixturenames", ()))
        if "registry" in servers:
            item.add_marker(pytest.mark.registry)
        if {"kafka", "own_kafka", "secure_kafka"} & servers:
            item.add_marker(pytest.mark.kafka)
        if {"kafka", "own_kafka", "secure_kafka", "registry"} & servers:
            item.add_marker(pytest.mark.xdist_group("kafka"))
