"""The Braze sink in a test's hands: items that are good enough, a batch of them, what came of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from common.event import Event
from tests.support.braze import SandboxBraze, event, of
from workers.sinks.api import Answered, Batch, Item, Outcome
from workers.sinks.braze.actions import actions
from workers.sinks.braze.sink import BrazeSink


@contextmanager
def closing(one: BrazeSink) -> Iterator[BrazeSink]:
    """A sink whose connections go at the end."""
    try:
        yield one
    finally:
        one.close()


@contextmanager
def allowed() -> Iterator[None]:
    """A permit that lets everything pass."""
    yield


def item(sink: BrazeSink, action: str, about: Event | None = None, **parameters: Any) -> Item:
    """An item of an action with parameters that are good enough."""
    about = about or event()
    email = f"{about.value['customer']['customer_id']}@example.com"
    good: dict[str, dict[str, Any]] = {
        "track_event": {"name": "order_shipped", "properties": {"order_id": "A1"}},
        "update_attributes": {"attributes": {"plan": "gold"}},
        "record_purchase": {"product_id": "sku-1", "currency": "EUR", "price": 12.5},
        "trigger_campaign": {"campaign": "onboarding", "attributes": {"stage": "signed"}},
        "trigger_canvas": {"canvas": "retention", "attributes": {"stage": "signed"}},
        "send_transactional": {"campaign": "receipt", "attributes": {"email": email}},
        "set_subscription": {"subscription_group": "news", "state": "OPTED_OUT", "email": email},
        "update_email_status": {"state": "OPTED_OUT", "email": email},
    }
    made = sink.actions[action]
    return sink.prepare(made, about, made.parameters(**(good[action] | parameters)))


def acted_on(braze: SandboxBraze) -> int:
    """Users there are, and addresses whose state is kept for a user to come: every action here makes one of them."""
    state = braze.state()
    return len(state["users"]) + len(state["kept_states"])


def two_of(action: str) -> list[Event]:
    """Events of two customers, or of one where a request takes no more."""
    return [of("u1"), of("u2")][: actions()[action].max_items]


def batch(sink: BrazeSink, action: str, items: Sequence[Item]) -> Batch:
    """What the runner would make of them."""
    return Batch(sink.actions[action], items[0].shared_by, items, allowed)


def deliver(sink: BrazeSink, action: str, *abouts: Event, **parameters: Any) -> Outcome:
    """One request of an action, about one event or several."""
    items = [item(sink, action, about, **parameters) for about in abouts or (event(),)]
    return sink.deliver(batch(sink, action, items))


def verdicts(outcome: Outcome) -> list[Any]:
    """Of an outcome that has them."""
    assert isinstance(outcome, Answered), outcome
    return list(outcome.verdicts)


def kinds(outcome: Outcome) -> list[type]:
    """Their types."""
    return [type(verdict) for verdict in verdicts(outcome)]
