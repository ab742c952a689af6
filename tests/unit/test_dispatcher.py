"""The dispatcher, where neither broker nor vendor is needed."""

from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

from pydantic import BaseModel

from tests.support.clock import ManualClock
from workers.sinks.api import Action, Contacts, Item, Repeat
from workers.sinks.batcher import Draft
from workers.sinks.delivery import Delivery
from workers.sinks.dispatcher import Dispatcher
from workers.sinks.meter import NoMeter
from workers.sinks.naming import Naming

ONCE = Action("send", Repeat.ONCE, Contacts.CUSTOMER, BaseModel, max_items=10, max_bytes=1000, settle_after_s=1)


def delivery(*, is_ours: bool) -> Delivery:
    """A head that is ready; its partition is still ours, or was taken away."""
    window: Any = MagicMock()
    window.partition.is_ours, window.room_for_intents.return_value = is_ours, 10
    return cast(Delivery, SimpleNamespace(action=ONCE, item=Item("body", 4), window=window, mark=object()))


def test_a_draft_that_waits_for_its_name_is_left_to_what_is_still_ours() -> None:
    """No commit would name a draft that holds a delivery of a lost partition: the others would wait for ever."""
    naming, routes = Naming(), MagicMock()
    dispatcher = Dispatcher(
        MagicMock(actions={"send": ONCE}), MagicMock(), MagicMock(), naming, routes, MagicMock(), MagicMock(),
        MagicMock(), MagicMock(), MagicMock(linger_s=0.0), ManualClock(), NoMeter(),
    )  # fmt: skip
    kept, lost = delivery(is_ours=True), delivery(is_ours=False)
    naming.name(Draft(ONCE, None, [lost, kept]), 0.0)

    dispatcher.forget()

    assert len(naming) == 0
    assert dispatcher.take_out(lambda _: True) == [kept]
    assert cast(MagicMock, kept.window.progress).withdraw.call_args.args == (kept.mark,)
    routes.came_back.assert_called_once_with(ONCE)
