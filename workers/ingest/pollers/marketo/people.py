"""Who a lead is: the site's own customer id, fetched for up to 300 leads a call, and remembered for a while (§2.2)."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workers.ingest.identity import usable_id
from workers.ingest.pollers.marketo.config import MarketoPollerConfig, PersonalField
from workers.ingest.pollers.marketo.reads import Reads
from workers.vendors.marketo.request import find_leads

_MOST = 300
NAMES: Mapping[PersonalField, str] = {
    PersonalField.EMAIL: "email",
    PersonalField.PHONE: "phone",
    PersonalField.FIRST_NAME: "firstName",
    PersonalField.LAST_NAME: "lastName",
}
"""The lead's REST names of personal data (§2.2)."""

Person = Mapping[str, Any]
"""A lead's fields by REST name, as far as they are asked for; empty for a lead that is gone."""


class People:
    """Looks leads up. A lead without a customer id is asked about again each time: it may get one."""

    def __init__(self, config: MarketoPollerConfig, monotonic: Callable[[], float]) -> None:
        self._field, self._size, self._age_s = config.customer_id_field, config.lead_cache_size, config.lead_cache_s
        self._fields = ("id", self._field, *(NAMES[one] for one in sorted(config.personal_data)))
        self._monotonic = monotonic
        self._known: OrderedDict[int, tuple[float, Person]] = OrderedDict()

    def of(self, leads: Iterable[int], reads: Reads) -> dict[int, Person]:
        """The person behind each lead. Raises PausedError."""
        wanted = list(dict.fromkeys(leads))
        found = {lead: person for lead in wanted if (person := self._remembered(lead)) is not None}
        missing = [lead for lead in wanted if lead not in found]
        for start in range(0, len(missing), _MOST):
            some = missing[start : start + _MOST]
            found |= self._asked(some, reads)
        return found

    def forget(self, lead: int) -> None:
        """Something that is remembered of it has changed."""
        self._known.pop(lead, None)

    def _remembered(self, lead: int) -> Person | None:
        at, person = self._known.get(lead, (0.0, None))
        return person if person is not None and self._monotonic() - at < self._age_s else None

    def _asked(self, leads: list[int], reads: Reads) -> dict[int, Person]:
        reply = reads.leads(find_leads("id", [str(lead) for lead in leads], self._fields))
        found = {lead: person for row in reply.rows or () for lead, person in _person(row)}
        for lead, person in found.items():
            if usable_id(person.get(self._field)):
                self._known[lead] = (self._monotonic(), person)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return {lead: found.get(lead, {}) for lead in leads}


def _person(row: Any) -> list[tuple[int, Person]]:
    if not isinstance(row, dict) or not isinstance(row.get("id"), int):
        return []
    return [(row["id"], row)]
