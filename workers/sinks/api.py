"""What a sink author sees: Sink, Action, Batch, Verdict, Hold. Nothing of Kafka.

A sink turns an event into an `Item` (pure, `prepare`) and sends a batch of items in one vendor
request (`deliver`). It answers with a verdict for each item, in their order, or with a `Hold`
when the whole route cannot proceed, or with `Refused` when the vendor refused the request and
named nobody.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from common.event import Event
from common.light import light
from workers.sinks.action import Action, Contacts, Repeat
from workers.sinks.limit import Count, Limit, WindowKind
from workers.sinks.verdict import (
    Answered,
    Deferred,
    Delivered,
    Hold,
    Outcome,
    Refused,
    Rejected,
    Scope,
    Suppressed,
    Unsure,
    Verdict,
    Yielded,
)

__all__ = [
    "Action",
    "Answered",
    "Batch",
    "Contacts",
    "Count",
    "Deferred",
    "Delivered",
    "Hold",
    "Item",
    "Limit",
    "Outcome",
    "Permit",
    "Refused",
    "Rejected",
    "Repeat",
    "Scope",
    "Sink",
    "Suppressed",
    "Unsure",
    "Verdict",
    "WindowKind",
    "Yielded",
]


@light
class Item:
    """What one delivery puts into a vendor request.

    `body` is made by the mapping and read by the client only. Items with an equal `shared_by` may
    travel in one request (a campaign id, say). `size` is in bytes, as sent.
    """

    body: Any
    size: int
    shared_by: Hashable = None


class Permit(Protocol):
    """Leave to send, asked for at the moment the request's first byte would be written.

    Entering raises GateClosedError when the deliveries are not this worker's any more.
    """

    def __call__(self) -> AbstractContextManager[None]:
        """A context that is open for as long as the request runs."""
        ...


def _free() -> None:
    """A further request that nobody counts."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The items that travel in one vendor request, all of one action and one `shared_by`.

    The request itself is paid for from the vendor's budget. A sink that needs further requests for it
    (a look-up, a token) calls `spend` before each: it waits for the budget, or raises BudgetGoneError, which
    the sink lets pass (nothing more may be sent now).
    """

    action: Action
    shared_by: Hashable
    items: Sequence[Item]
    permit: Permit
    spend: Callable[[], None] = _free


class Sink(Protocol):
    """A vendor, as the runner sees it. Called from several delivery threads at once."""

    name: str
    actions: Mapping[str, Action]
    limits: Sequence[Limit]
    """What the vendor allows the whole fleet, requests of every kind together."""
    at_once: int | None
    """Requests that may run at the same time, of the whole fleet; None where the vendor bounds none."""

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """What this sink's configuration lacks for a flow, told before any event is seen.

        `possible` gives every text that a parameter can become, or None when that is unbounded.
        """
        ...

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """Map an event to the item of one delivery; pure.

        Raises UnusableEventError with a Reason when this event can never become one.
        """
        ...

    def deliver(self, batch: Batch) -> Outcome:
        """Make the one vendor request of a batch, under its permit.

        Raises GateClosedError when the permit is refused; nothing was sent then.
        """
        ...

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """What became of unsure items: done, certainly not done (None), or still nobody can tell.

        Asked only of actions that `can_look_up`, no sooner than `settle_after_s` after the request.
        """
        ...

    def counted(self, spend: Callable[[], None]) -> Count | None:
        """The vendor's own word on the limit that it counts (`Limit.is_counted`); None when it cannot be told now.

        Where that takes a request, `spend` pays for it and may raise BudgetGoneError. Raises nothing else.
        """
        ...

    def probe(self, action: Action) -> Hold | None:
        """Ask by a harmless read whether the route is well again; None is yes."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...
