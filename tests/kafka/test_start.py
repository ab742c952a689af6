"""The start-up check against a real broker: topics that are missing, and partition counts that break order."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.kafka.admin import TopicAdmin
from tests.support.fixtures import Kafka
from tests.support.poll import eventually
from tests.support.ports import free_ports
from topics.catalogue import Topic, topics
from topics.plan import CreateTopic
from workers.demo.process import Process


@pytest.fixture
def said(kafka: Kafka, prefix: str, tmp_path: Path) -> Callable[[], str]:
    """What a sink that starts on this broker says before it ends with 1."""

    def run() -> str:
        (port,) = free_ports(1)
        settings: dict[str, Any] = {
            "prefix": prefix,
            "kafka": {"bootstrap.servers": kafka.bootstrap},
            "health": {"host": "127.0.0.1", "port": port},
            "sinks": {"braze": {"base_url": "http://127.0.0.1:9", "api_key": "key", "start_from": "end"}},
            "flows": {"defaults": False},
        }
        file = tmp_path / "commfleet.yaml"
        file.write_text(json.dumps(settings))
        process = Process("sink", ("--config", str(file), "run", "sink", "braze"), tmp_path)
        try:
            eventually(lambda: not process.is_running(), 30)
        finally:
            process.stop()
        assert process.exit_code == 1
        return process.last_words()

    return run


def make(kafka: Kafka, prefix: str, counts: Callable[[Topic], int]) -> None:
    steps = [CreateTopic(prefix + name, counts(topic), 1, {}) for name, topic in topics().items()]
    TopicAdmin({"bootstrap.servers": kafka.bootstrap}).apply(steps, lambda _: None)


def test_missing_topics_are_named_with_the_way_out(said: Callable[[], str], prefix: str) -> None:
    """Nothing is created behind the platform team's back."""
    assert f"{prefix}comms.dlq.braze.v1 does not exist: create it with `commfleet topics apply`" in said()


def test_unequal_partition_counts_stop_the_start(said: Callable[[], str], kafka: Kafka, prefix: str) -> None:
    """One customer's events would be in two workers' hands."""
    make(kafka, prefix, lambda topic: 3 if topic.name == "comms.workspace.v1" else 2)
    assert "must have one partition count" in said()


def test_another_count_than_the_files_is_said(said: Callable[[], str], kafka: Kafka, prefix: str) -> None:
    """Equal everywhere, but not what was prescribed: topics.partitions says that it is meant."""
    make(kafka, prefix, lambda _: 2)
    assert "topics.partitions" in said()
