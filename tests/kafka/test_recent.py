"""What is known of duplicates is rebuilt from a real log, which looks times up and has gaps."""

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its typing exports but the client

from tests.support.fixtures import Kafka
from tests.support.past import PastRig


@pytest.fixture
def rig(kafka: Kafka, prefix: str) -> PastRig:
    made = PastRig(kafka.bootstrap, prefix)
    admin = AdminClient({**made.kafka})
    admin.create_topics([NewTopic(made.topic, 4, 1)])[made.topic].result(20)
    return made


def test_only_the_window_is_read(rig: PastRig) -> None:
    """From an hour before the record that is read next; on a partition that is read to its end, before now."""
    rig.write(("old", 26 * 60), ("a", 24 * 60 + 50), ("b", 24 * 60), ("c", 1))
    rig.write(("old", 90), ("a", 50), ("b", 3), partition=1)
    rig.write(("old", 900), partition=2)
    rig.rebuilt({0: 2, 1: 3, 2: 1, 3: 0})
    assert len(rig.duplicates) == 3
    assert rig.first("a", 9, minutes=24 * 60) == 1
    assert rig.first("a", 9, partition=1) == 1
    assert rig.first("b", 10, partition=1) == 2
