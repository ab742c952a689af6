"""The ledger, where no broker is needed."""

from typing import Any, cast
from unittest.mock import MagicMock

from common.errors import CommfleetError
from common.reasons import Reason
from tests.support.clock import ManualClock
from workers.sinks.ledger import Ledger
from workers.sinks.meter import NoMeter
from workers.sinks.planner import Unusable
from workers.sinks.publisher import Settled
from workers.sinks.window import Window


def test_what_is_taken_away_while_kafka_is_keeps_nothing_from_going_on() -> None:
    """The letters that were not taken are the next owner's to write: here nothing waits to find Kafka back."""
    ownership, clock = MagicMock(), ManualClock()
    ownership.is_committing.return_value = False
    ledger = Ledger("g", MagicMock(), MagicMock(), ownership, MagicMock(), MagicMock(), clock, NoMeter())
    window: Any = MagicMock(id="t/0")
    unusable = Unusable(MagicMock(), Reason.NOT_AVRO, "no Avro")
    ledger.doom_record(MagicMock(offset=0, value=b""), unusable, cast(Window, window))
    ledger.publish_due()
    assert ledger.under_way is not None
    ledger.settled(Settled(ledger.under_way, CommfleetError("Kafka takes nothing")))
    assert ledger.is_away

    window.partition.is_ours = False
    ledger.forget()

    assert not ledger.is_away
