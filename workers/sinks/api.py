"""What a sink author sees: Sink, Action, Batch, Verdict, Hold. Nothing of Kafka.

A sink turns an event into an `Item` (pure, `prepare`) and sends a batch of items in one vendor
request (`deliver`). It answers with a verdict for each item, in their order, or with a `Hold`
when the whole route cannot proceed, or with `Refused` when the vendor refused the request and
named nobody.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel

from common.event import Event
from workers.sinks.verdicts import (
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


class Repeat(StrEnum):
    """Whether an action may be made twice. A sink declares its actions once or repeatable."""

    ONCE = "once"
    REPEATABLE = "repeatable"
    TOLERATED = "tolerated"  # a once-action of which a flow says `repeat: tolerated`


class Contacts(StrEnum):
    """Whom an action reaches."""

    CUSTOMER = "customer"
    STAFF = "staff"
    NOBODY = "nobody"


class WindowKind(StrEnum):
    """How a vendor counts requests."""

    SLIDING = "sliding"  # the last `window_s` seconds
    ALIGNED = "aligned"  # windows that begin at multiples of `window_s` of the clock
    DAY = "day"  # from midnight to midnight in `zone`


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in a window, for the whole fleet. `window_s` of a day is 86,400; `zone` counts for days."""

    requests: int
    window_s: float
    kind: WindowKind = WindowKind.SLIDING
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Action:
    """One typed operation of a sink.

    `parameters` is what a flow's `with` must validate against. `max_items` and `max_bytes` bound one
    request. `settle_after_s` is how long the vendor may still act on a request whose answer never
    came: a repeat, or the next delivery of the same key, waits at least that long.

    `recognises_repeats`: the call carries the vendor's own idempotency key, so a once-action that is unsure may
    be sent again, for as long as the vendor remembers the key (`recognised_s`; None: for ever). `can_look_up`: the
    sink's `look_up` can tell whether an unsure one was done.
    """

    name: str
    repeat: Repeat
    contacts: Contacts
    parameters: type[BaseModel]
    max_items: int
    max_bytes: int
    settle_after_s: float
    group: str = "main"
    recognises_repeats: bool = False
    recognised_s: float | None = None
    can_look_up: bool = False


@dataclass(frozen=True, slots=True)
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

    def used_today(self) -> int | None:
        """Requests that the vendor has counted in the current day window, by its own word; None when it has none.

        Other integrations use the same quota. Raises nothing: an unreadable answer is None.
        """
        ...

    def probe(self, action: Action) -> Hold | None:
        """Ask by a harmless read whether the route is well again; None is yes."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...
