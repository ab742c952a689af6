"""What the customer store said of one customer, and for how long it may be used."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from common.event import Event
from common.store.look_ups import Answer, Decided, Known, Who, Wish
from workers.flows.store_fields import ENGAGED_AT

_CACHE_S = 5.0
_MOST = 20_000
_SKEW_MS = 2000
"""Clocks of two machines differ by less: of producers, whose time a record bears, and of this worker."""


class Question(NamedTuple):
    """What has to be known before a delivery is sent: of whom, and of a consent write how its wish was decided."""

    who: Who | None
    wish: Wish | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to one question. `asked_at` is monotonic, `asked_ms` the same moment since 1970.

    `fresh_s` is monotonic, too: what was written to Kafka before is in the answer; None when nobody knows.
    """

    known: Known | None
    decided: Decided | None
    fresh_s: float | None
    asked_at: float
    asked_ms: float
    profile: Mapping[str, Any] | None = None
    """What flows read as `profile.*`; None of somebody whom the store does not know."""
    channels: dict[tuple[str, ...], str | None] = field(default_factory=dict, compare=False)
    """The channel that consent came to, by purpose and wanted ones; by nothing, the preferred one. Once found out."""
    leaves: dict[Hashable, Any] = field(default_factory=dict, compare=False)
    """Leave that is the same for every event of a flow (leave.py), by flow."""

    @property
    def is_erased(self) -> bool:
        """Whether the customer is to be forgotten."""
        return self.known is not None and self.known.erased_at is not None and not self.known.is_known


def who_of(event: Event) -> Who | None:
    """Whom an event is about, with the addresses that it names; None when it is about nobody."""
    customer = event.value.get("customer")
    return Who(customer["customer_id"], customer.get("email"), customer.get("phone")) if customer else None


def wish_of(event: Event) -> Wish | None:
    """The wish that a consent event decides."""
    value, customer = event.value, event.value.get("customer")
    if not customer:
        return None
    parts = (value["kind"], value["channel"], value["purpose"], value["subscription_group"])
    kind, channel, purpose, group = ("" if part is None else str(part) for part in parts)
    return customer["customer_id"], kind, channel, purpose, group


def told(question: Question, answer: Answer, asked_at: float, asked_ms: float) -> Told:
    """What an answer to many questions says to one."""
    known = answer.known[question.who.customer_id] if question.who else None
    decided = answer.decided.get(question.wish) if question.wish else None
    fresh_s = asked_at - (asked_ms / 1000 - answer.fresh_at.timestamp()) if answer.fresh_at else None
    return Told(known, decided, fresh_s, asked_at, asked_ms, _profile(known))


def _profile(known: Known | None) -> Mapping[str, Any] | None:
    if known is None or not known.is_known:
        return None
    return {**known.customer, **known.profile, ENGAGED_AT: known.engaged_at}


class Cache:
    """Answers of the last seconds, so that one serves many deliveries of a backlog; bounded."""

    def __init__(self) -> None:
        self._told: dict[Question, Told] = {}

    def find(self, question: Question, appended_ms: int, now: float) -> Told | None:
        """An answer that was asked for after a record was appended, so that what led to it is known in it."""
        found = self._told.get(question)
        if found is None or now - found.asked_at > _CACHE_S or found.asked_ms < appended_ms + _SKEW_MS:
            return None
        return found

    def put(self, answers: Mapping[Question, Told]) -> None:
        """Keep answers; the oldest go where there is no room."""
        for question, answer in answers.items():
            self._told.pop(question, None)
            self._told[question] = answer
        while len(self._told) > _MOST:
            del self._told[next(iter(self._told))]

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._told)
