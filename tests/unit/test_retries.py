"""Retry records: what the next owner is told of each delivery of a parked key."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from common.event import PartitionId, Position
from workers.sinks.delivery import Delivery, Doubt
from workers.sinks.headers import DEFERRED, FOLLOWER, UNSURE, Origin
from workers.sinks.retries import Retries

TOPIC = "comms.communication.v1"
LATER = datetime(2026, 3, 1, 12, tzinfo=UTC)


def delivery(offset: int, doubt: Doubt = Doubt.NONE) -> Delivery:
    """One of a key's deliveries, as far as a retry record asks."""
    origin = Origin.of_record("g", "flow", Position(TOPIC, 3, offset), 0)
    record = SimpleNamespace(key=b"C-1", value=b"v", headers=())
    window = SimpleNamespace(id=PartitionId(TOPIC, 3))
    return cast(Delivery, SimpleNamespace(origin=lambda _: origin, record=record, window=window, doubt=doubt))


def states(*deliveries: Delivery) -> list[tuple[str, bool]]:
    """State and whether it waits, of each record's headers."""
    found: list[Any] = [record for record, _ in Retries("r", "g").records(deliveries, DEFERRED, LATER)]
    origins = [Origin.of_retry(record.headers) for record in found]
    assert [record.partition for record in found] == [3] * len(deliveries)
    return [(origin.state, origin.not_before is not None) for origin in origins]


def test_the_first_waits_and_the_others_follow() -> None:
    """In order, on the same partition number."""
    assert states(delivery(1), delivery(2), delivery(3)) == [(DEFERRED, True), (FOLLOWER, False), (FOLLOWER, False)]


@pytest.mark.parametrize("doubt", [one for one in Doubt if one is not Doubt.NONE])
def test_what_may_have_been_sent_stays_unsure_behind_another(doubt: Doubt) -> None:
    """The next owner would send a mere follower."""
    assert states(delivery(1), delivery(2, doubt)) == [(DEFERRED, True), (UNSURE, False)]
