"""What a sink can do: its actions, each with whom it reaches and whether it may be made twice."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel


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


@dataclass(frozen=True, slots=True)
class Action:
    """One typed operation of a sink.

    `parameters` is what a flow's `with` must validate against. `max_items` and `max_bytes` bound one
    request. `settle_after_s` is how long the vendor may still act on a request whose answer never
    came: a repeat, or the next delivery of the same key, waits at least that long.

    `recognises_repeats`: the call carries the vendor's own idempotency key, so a once-action that is unsure may
    be sent again, for as long as the vendor remembers the key (`recognised_s`; None: for ever). `can_look_up`: the
    sink's `look_up` can tell whether an unsure one was done.
    `is_local`: it makes no request, so that nothing is paid for; its verdicts carry events.
    `writes_state`: of a consent decision it writes what holds now, so that an older decision is superseded.
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
    is_local: bool = False
    writes_state: bool = False
