"""Whether an unknown 500 is a record's or the server's own (§16): one record's, until several have had it. Pure."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MOST_ATTEMPTS = 5
SEVERAL = 3
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often this record had it, and whether others had it too with nothing going well in between."""

    attempts: int
    is_everybodys: bool


class Troubles:
    """Counts unknown errors by record, within a bound. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: OrderedDict[Hashable, int] = OrderedDict()
        self._in_a_row: set[Hashable] = set()

    def failed(self, record: Hashable) -> Trouble:
        """An error of unknown text; not counted against the record when everybody has it."""
        with self._lock:
            if len(self._in_a_row) < SEVERAL:
                self._in_a_row.add(record)
            is_everybodys = len(self._in_a_row) >= SEVERAL
            attempts = self._attempts.pop(record, 0) + (not is_everybodys)
            self._attempts[record] = attempts
            if len(self._attempts) > _REMEMBERED:
                self._attempts.popitem(last=False)
            return Trouble(attempts, is_everybodys)

    def went_well(self, record: Hashable) -> None:
        """A delivery came to its end: the server is well."""
        with self._lock:
            self._in_a_row.clear()
            self._attempts.pop(record, None)
