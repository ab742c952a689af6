"""A report: one PreferenceEvent as evidence about a customer, about an address, or both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.store.times import micros
from common.store.values import Evidence, Scope
from workers.consent.words import Kind, Weight, forbids

_NOT_SAID = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Report:
    """What a system says of one wish; times in microseconds."""

    scope: Scope
    state: str
    weight: Weight
    effective_at: int
    system: str
    event_id: str

    def about(self, subject: str, effective_at: int | None = None) -> Evidence:
        """The same as evidence about a customer or an address."""
        at = self.effective_at if effective_at is None else effective_at
        return Evidence(subject, *self.scope, self.weight, self.state, at, self.system, self.event_id)


def read_report(value: Mapping[str, Any]) -> Report:
    """The report in a PreferenceEvent.

    What a newer writer says in words that we do not know forbids as widely as it may and allows nothing. A time in
    the future counts as the time at which we heard of it: a wrong clock must not decide for years.
    """
    kind, state = value["kind"], _state(value)
    is_strict = forbids(kind, state)
    channel, purpose = _part(value["channel"], is_strict), _part(value["purpose"], is_strict)
    scope = Scope(kind, channel, purpose, value["subscription_group"] or "")
    effective_at = min(micros(value["effective_at"]), micros(value["ingested_at"]))
    weight = _weight(value["evidence"], is_strict)
    return Report(scope, state, weight, effective_at, value["source"], value["event_id"])


def _state(value: Mapping[str, Any]) -> str:
    name = "preferred_channel" if value["kind"] == Kind.PREFERRED_CHANNEL else "state"
    return value[name] or _NOT_SAID


def _part(symbol: str | None, is_strict: bool) -> str:
    if symbol is None or (is_strict and symbol == _NOT_SAID):
        return ""
    return symbol


def _weight(symbol: str, is_strict: bool) -> Weight:
    if symbol == _NOT_SAID:
        return Weight.EXPLICIT if is_strict else Weight.OBSERVED
    return Weight(symbol)
