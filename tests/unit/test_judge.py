"""The judge, where no broker is needed."""

from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

from common.reasons import Reason
from tests.support.clock import ManualClock
from workers.sinks.api import Unsure
from workers.sinks.delivery import Delivery
from workers.sinks.judge import Judge
from workers.sinks.meter import NoMeter
from workers.sinks.pool import LookedUp


def test_a_look_up_that_the_budget_did_not_allow_is_no_try() -> None:
    """Five that cannot tell make a delivery in doubt; one that was never made says nothing."""
    waits: list[tuple[Any, float]] = []
    lanes = SimpleNamespace(wait=lambda delivery, until: waits.append((delivery, until)))
    delivery = SimpleNamespace(attempts=5, window=SimpleNamespace(partition=SimpleNamespace(is_ours=True, lanes=lanes)))
    ledger, clock = MagicMock(), ManualClock()
    judge = Judge(MagicMock(), ledger, MagicMock(), MagicMock(), MagicMock(), clock, NoMeter())

    judge.looked_up(LookedUp(cast(Delivery, delivery), Unsure(Reason.THROTTLED), was_asked=False))

    assert waits == [(delivery, clock.monotonic() + 5)]
    assert delivery.attempts == 5
    assert ledger.mock_calls == []
