"""What every test has: the brokers, hypothesis without a stopwatch, and marks that follow from fixtures."""

import os

import pytest
from hypothesis import settings

from tests.support.fixtures import embedded, kafka, own_kafka, prefix
from tests.support.require import VARIABLE, required

__all__ = ["embedded", "kafka", "own_kafka", "prefix"]

settings.register_profile("commfleet", deadline=None, print_blob=True)  # two shared cores: time tells nothing
settings.load_profile("commfleet")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a COMMFLEET_REQUIRE that names something unknown before any test runs."""
    required(os.environ.get(VARIABLE, ""))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a real broker, and keep it in one process, so that they share the broker."""
    for item in items:
        if {"kafka", "own_kafka"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group("kafka"))
