"""A flow, compiled: which events it acts on, and with which parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from workers.flows.parameters import Parameters
from workers.flows.pattern import Failure, Pattern
from workers.sinks.api import Action


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """One declared rule: on a topic, when it matches, do an action with parameters.

    `consent` is what the flow says of consent: "none", or None where it says nothing because its
    action contacts no customer. `action` is the sink's own, or that with its repeats tolerated. `file`
    and `line` are where it stands.
    """

    name: str
    about: str
    topic: str
    sink: str
    action: Action
    choice: str | None
    consent: str | None
    file: Path | str
    line: int
    pattern: Pattern = field(repr=False)
    with_: Parameters = field(repr=False)

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
        return self.with_.possible(parameter, self.pattern.domain)
