"""Lead numbers by customer id: looked up for a whole batch at once, and remembered within bounds (§2.2).

Activities, campaigns and lists know leads by number only.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.reasons import Reason
from workers.sinks.api import Hold, Outcome, Rejected, Verdict
from workers.sinks.marketo.answers import judge_read
from workers.sinks.marketo.client import MarketoClient
from workers.sinks.marketo.mapping import Who
from workers.vendors.marketo.reply import found_leads
from workers.vendors.marketo.request import find_leads
from workers.vendors.marketo.waits import Waits

MAX_VALUES = 300
_MOST_PAGES = 5  # a filter matches 1,000 leads at most (§2.2)
_LOOK_UP = "look_up_leads"

NOT_FOUND = Rejected(
    Reason.MISSING_CUSTOMER, "no lead has this customer id: upsert it first (or link it), then redrive", "1004"
)
SEVERAL = Rejected(Reason.INVALID_FIELD, "several leads have this customer id: merge them in Marketo", "1007")


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead's number; `is_fresh` when Marketo has said it just now, so that a doubt would be in vain."""

    number: int
    is_fresh: bool


class LeadCache:
    """The latest used lead numbers, each for a while. Thread-safe."""

    def __init__(self, size: int, age_s: float, monotonic: Callable[[], float]) -> None:
        self._size, self._age_s, self._monotonic = size, age_s, monotonic
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def get(self, customer_id: str) -> int | None:
        """The number, when it is known and young enough."""
        with self._lock:
            number, since = self._known.get(customer_id, (0, 0.0))
            if not number or self._monotonic() - since >= self._age_s:
                return None
            self._known.move_to_end(customer_id)
            return number

    def put(self, customer_id: str, number: int) -> None:
        """Remember; the one that was unused for longest makes room."""
        with self._lock:
            self._known[customer_id] = (number, self._monotonic())
            self._known.move_to_end(customer_id)
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def forget(self, customer_id: str) -> None:
        """It has been merged away, or deleted."""
        with self._lock:
            self._known.pop(customer_id, None)

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._known)


class Directory:
    """Finds the leads of a batch, by the memory first. Thread-safe."""

    def __init__(self, client: MarketoClient, field: str, cache: LeadCache, waits: Waits) -> None:
        self._client, self._field, self._cache, self._waits = client, field, cache, waits
        self._gone = LeadCache(10_000, 3600, lambda: 0.0)

    def find(self, people: Sequence[Who], spend: Callable[[], None]) -> list[Lead | Verdict] | Outcome:
        """For each, the lead or what becomes of the delivery without one; or why nobody could be asked.

        Unknown ones cost one request, of the budget, for 300. Raises what `spend` raises.
        """
        known = [self._known(who) for who in people]
        wanted = [who.customer_id for who, lead in zip(people, known, strict=True) if lead is None and who.customer_id]
        asked = self._asked(sorted(set(wanted)), spend) if wanted else {}
        if not isinstance(asked, Mapping):
            return asked
        return [lead or _found(asked.get(who.customer_id or "", ())) for who, lead in zip(people, known, strict=True)]

    def learn(self, customer_id: str | None, number: str | None) -> None:
        """Marketo has just named a lead's number."""
        if customer_id and number and number.isdecimal():
            self._cache.put(customer_id, int(number))

    def doubt(self, who: Who) -> None:
        """Marketo does not know the number any more: the next time it is looked up."""
        if who.customer_id:
            self._cache.forget(who.customer_id)
            if who.lead_id:
                self._gone.put(who.customer_id, who.lead_id)

    def _known(self, who: Who) -> Lead | None:
        """The event's own number, or the remembered one; a number alone can only be believed."""
        if who.customer_id is None:
            return Lead(who.lead_id or 0, is_fresh=True)
        if who.lead_id and self._gone.get(who.customer_id) != who.lead_id:
            return Lead(who.lead_id, is_fresh=False)
        number = self._cache.get(who.customer_id)
        return Lead(number, is_fresh=False) if number else None

    def _asked(self, values: Sequence[str], spend: Callable[[], None]) -> Mapping[str, set[int]] | Outcome:
        found: dict[str, set[int]] = {}
        for start in range(0, len(values), MAX_VALUES):
            if trouble := self._pages(values[start : start + MAX_VALUES], spend, found):
                return trouble
        for customer_id, numbers in found.items():
            if len(numbers) == 1:
                self._cache.put(customer_id, next(iter(numbers)))
        return found

    def _pages(self, values: Sequence[str], spend: Callable[[], None], found: dict[str, set[int]]) -> Outcome | None:
        """Ask page by page, into `found`; why it could not be asked, if so."""
        page: str | None = None
        spelled = {value.lower(): value for value in values}
        for _ in range(_MOST_PAGES):
            spend()
            reply = self._client.call(find_leads(self._field, values, ("id", self._field), page), _LOOK_UP)
            if isinstance(reply, Hold):
                return reply
            if trouble := judge_read(reply, self._waits):
                return trouble
            for value, number in found_leads(reply, self._field):
                found.setdefault(spelled.get(value.lower(), value), set()).add(number)
            page = reply.more
            if page is None:
                break
        return None


def _found(numbers: Iterable[int]) -> Lead | Verdict:
    all_ = list(numbers)
    if len(all_) == 1:
        return Lead(all_[0], is_fresh=True)
    return SEVERAL if all_ else NOT_FOUND
