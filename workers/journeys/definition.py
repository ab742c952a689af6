"""A journey as its file declares it: checked, compiled, and without any state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from workers.flows.pattern import Pattern, getter
from workers.journeys.tempo import REAL, Tempo


class Mode(StrEnum):
    """What a second start does while the first one runs."""

    IGNORE = "ignore"
    RESTART = "restart"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Again:
    """How often: `after_us` counts for Mode.AFTER only."""

    mode: Mode = Mode.IGNORE
    after_us: int = 0


@dataclass(frozen=True, slots=True)
class Trigger:
    """Events of one topic that start, stop, open or close. `by` names the fields by which they find their instance."""

    topic: str
    pattern: Pattern
    by: tuple[str, ...]

    def meets(self, topic: str, value: Mapping[str, Any]) -> bool:
        """Whether this event is one."""
        return topic == self.topic and self.pattern.matches(value)


@dataclass(frozen=True, slots=True)
class Wait:
    """`after` each start, unless it was stopped: a step by its name, microseconds later."""

    start: tuple[Trigger, ...]
    stop: tuple[Trigger, ...]
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Date:
    """`before` the date in a field of the starting event: a step by its name, microseconds earlier."""

    start: tuple[Trigger, ...]
    stop: tuple[Trigger, ...]
    field: str
    before: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds from the `times`-th opening after the last closing on; `by` is its own key beside the journey's."""

    name: str
    open: tuple[Trigger, ...]
    close: tuple[Trigger, ...]
    by: tuple[str, ...]
    times: int
    keep: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """One step when all conditions have held together for `for_us`."""

    conditions: tuple[Condition, ...]
    for_us: int


Kind = Wait | Date | Join


@dataclass(frozen=True, slots=True)
class Journey:
    """One journey; durations in microseconds of its own time, `late_us` and `grace_us` of real time."""

    name: str
    about: str
    emit: str
    kind: Kind
    by: tuple[str, ...]
    keep: tuple[str, ...]
    again: Again
    late_us: int
    grace_us: int
    spread_us: int
    at: time | None
    zone: ZoneInfo
    file: Path | str
    line: int
    tempo: Tempo = REAL

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Everything that it listens to."""
        match self.kind:
            case Wait(start, stop) | Date(start, stop):
                return (*start, *stop)
            case Join(conditions):
                return tuple(one for each in conditions for one in (*each.open, *each.close))

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of its steps; the one of a join has no name."""
        match self.kind:
            case Wait(after=steps) | Date(before=steps):
                return tuple(steps)
            case Join():
                return ("",)


def reader(path: str) -> Callable[[Mapping[str, Any]], Any]:
    """Reads a field of an event by its dotted path."""
    return getter(tuple(path.split(".")))
