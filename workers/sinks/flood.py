"""The flood guard: too many dead letters in a row that share a reason are a wrong mapping, not bad records."""

from dataclasses import dataclass

from common.reasons import Cause, Reason
from workers.sinks.api import Hold, Scope

_IN_A_ROW = 50
_RARE = frozenset({Reason.EXHAUSTED, Reason.IN_DOUBT})


@dataclass(slots=True)
class _Row:
    reason: Reason
    code: str
    count: int


class Flood:
    """Counts rejections in a row, for each action; anything delivered in between ends the row.

    `exhausted` and `in_doubt` do not count: outages make many of them, and the fence bounds them.
    """

    def __init__(self, in_a_row: int = _IN_A_ROW) -> None:
        self._in_a_row = in_a_row
        self._rows: dict[str, _Row] = {}

    def rejected(self, action: str, reason: Reason, code: str) -> Hold | None:
        """One more; the hold of the action when it is one too many. Then each further one holds it again."""
        if reason in _RARE:
            return None
        row = self._rows.get(action)
        if row is None or (row.reason, row.code) != (reason, code):
            row = self._rows[action] = _Row(reason, code, 0)
        row.count += 1
        if row.count < self._in_a_row:
            return None
        row.count = self._in_a_row - 1
        named = f"{reason} {code}".strip()
        return Hold(
            Cause.FLOOD, Scope.ACTION, f"{self._in_a_row} dead letters in a row for {named}: mapping or vendor set-up?"
        )

    def went_well(self, action: str) -> None:
        """Something was delivered."""
        self._rows.pop(action, None)
