"""A flow, compiled: which events it acts on, and with which parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from workers.flows.parameters import Parameters
from workers.flows.pattern import Failure, Pattern
from workers.flows.store_fields import CHANNEL
from workers.flows.wanted import Wanted
from workers.sinks.api import Action, Contacts


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """One declared rule: on a topic, when it matches, do an action with parameters.

    `consent` is the leave that it needs; None where it needs none. `action` is the sink's own, or that with its
    repeats tolerated. `file` and `line` are where it stands. What a flow reads of the customer store stands in the
    event that it is given, under `profile` and `consent`.
    """

    name: str
    about: str
    topic: str
    sink: str
    action: Action
    choice: str | None
    consent: Wanted | None
    file: Path | str
    line: int
    pattern: Pattern = field(repr=False)
    with_: Parameters = field(repr=False)
    asks: bool = field(init=False)
    """Whether the customer store is asked before each send: for consent, or for what `with` reads."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "asks", self.consent is not None or self.with_.reads_store)

    @property
    def leave(self) -> str:
        """What it says of consent, as people read it."""
        if self.consent is not None:
            return str(self.consent)
        return "none" if self.action.contacts is Contacts.CUSTOMER else ""

    @property
    def decides_late(self) -> bool:
        """Whether only the customer store can tell if an event matches."""
        return self.pattern.reads_store

    @property
    def needs_store(self) -> bool:
        """Whether it cannot run without a customer store."""
        return self.asks or self.decides_late

    def matches(self, value: Mapping[str, Any]) -> bool:
        """Whether this event of the flow's topic matches, choices aside."""
        return self.pattern.matches(value)

    def failure(self, value: Mapping[str, Any]) -> Failure | None:
        """Why this event does not match; None when it does."""
        return self.pattern.failure(value)

    def parameters(self, value: Mapping[str, Any]) -> BaseModel:
        """The action's parameters for this event.

        Raises UnusableEventError(INVALID_PARAMETER), naming flow, parameter and event field.
        """
        return self.with_.render(value)

    def possible(self, parameter: str) -> tuple[str, ...] | None:
        """Every text that a parameter can become, as far as `when` bounds it; None when it is unbounded.

        A sink checks by it at start-up that each campaign a flow may name is in its settings.
        """
        return self.with_.possible(parameter, self._domain)

    def _domain(self, path: str) -> tuple[str, ...] | None:
        if path == CHANNEL and self.consent is not None:
            return self.consent.possible(self.pattern.domain)
        return self.pattern.domain(path)
