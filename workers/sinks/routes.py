"""Routes stop, records travel: which of a sink's routes are held, why, and when to try again.

A route is the sink, or one action of it. A hold that names a time (a throttle, a quota) ends then.
Any other ends by a probe: first the vendor's harmless read, then one delivery alone, then all.
"""

import random
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto

from common.backoff import full_jitter
from common.reasons import Cause
from workers.sinks.api import Action, Hold, Scope

_TIMED = frozenset({Cause.THROTTLED, Cause.QUOTA})
SINK_ROUTE = ""


class _State(Enum):
    CLOSED = auto()  # nothing goes until `until`
    PROBING = auto()  # the harmless read is on its way
    TRIAL = auto()  # one delivery may go
    TRYING = auto()  # that one delivery is on its way


@dataclass(slots=True)
class _Held:
    hold: Hold
    action: Action
    failures: int
    until: float
    state: _State = _State.CLOSED
    tried_by: str = ""
    """The action whose delivery is the trial that is on its way."""


@dataclass(frozen=True, slots=True)
class RouteHold:
    """A held route, as health and metrics show it; `action` is empty for the whole sink."""

    action: str
    cause: Cause
    detail: str
    until: float


@dataclass(frozen=True, slots=True)
class Release:
    """An operator ends a hold; the runner's thread answers whether there was one."""

    route: str
    answer: Future[bool]


class Routes:
    """The holds of one runner. Pure: time comes in, allowances go out."""

    def __init__(self, base_s: float, cap_s: float, rng: random.Random) -> None:
        self._base_s, self._cap_s, self._rng = base_s, cap_s, rng
        self._held: dict[str, _Held] = {}

    def hold(self, action: Action, hold: Hold, now: float) -> bool:
        """Stop a route; a hold that follows a failed probe backs off further. True when it was not held.

        Answers of requests that ran at the onset confirm a hold but do not lengthen it. A trial that met this hold has
        told nothing of another one that it was sent for, too.
        """
        route = self._route(action, hold.scope)
        self._tell_nothing(action, of=route)
        held = self._held.get(route)
        if held and held.state is _State.CLOSED and hold.retry_after_s is None:
            held.hold = hold
            return False
        failures = held.failures + 1 if held else 1
        self._held[route] = _Held(hold, action, failures, now + self._wait_s(hold, failures))
        return held is None

    def allowance(self, action: Action) -> int:
        """How many items one batch of this action may carry now: 0, 1 (a trial) or the action's own limit."""
        if not self._held:
            return action.max_items
        states = {held.state for held in self._holds_of(action)}
        if not states:
            return action.max_items
        return 1 if states == {_State.TRIAL} else 0

    def sent(self, action: Action) -> None:
        """A batch of this action has left: a trial is used up."""
        for held in self._holds_of(action):
            held.state, held.tried_by = _State.TRYING, action.name

    def is_open_for_sent(self, action: Action) -> bool:
        """Whether what was counted as sent may really leave: no hold came meanwhile but its own trial."""
        return all(held.state is _State.TRYING for held in self._holds_of(action))

    def is_action_held(self, action: Action) -> bool:
        """Whether the action alone is held, not the whole sink: its lanes may be parked."""
        return action.name in self._held and SINK_ROUTE not in self._held

    @property
    def has_holds(self) -> bool:
        """Whether any route is held."""
        return bool(self._held)

    def came_back(self, action: Action) -> None:
        """That batch returned untried: the trial may be used again."""
        for held in self._holds_of(action):
            if held.state is _State.TRYING:
                held.state = _State.TRIAL

    def answered(self, action: Action) -> list[RouteHold]:
        """The vendor answered without a hold: the routes that a trial ended, now open."""
        if not self._held:
            return []
        ended = [route for route in (SINK_ROUTE, action.name) if self._is_trying(route)]
        return [_shown(route, self._held.pop(route)) for route in ended]

    def to_probe(self, now: float) -> Iterator[Action]:
        """The actions whose vendor should be asked whether the route is well; timed holds simply end."""
        for route, held in list(self._held.items()):
            if held.state is _State.CLOSED and held.until <= now:
                if held.hold.cause in _TIMED:
                    del self._held[route]
                else:
                    held.state = _State.PROBING
                    yield held.action

    def probed(self, action: Action, hold: Hold | None, now: float) -> None:
        """A probe came back: a trial is next, or more patience."""
        for held in self._holds_of(action):
            if held.state is not _State.PROBING:
                continue
            if hold is None:
                held.state = _State.TRIAL
            else:
                held.failures += 1
                held.hold, held.state = hold, _State.CLOSED
                held.until = now + self._wait_s(hold, held.failures)

    def release(self, route: str) -> bool:
        """An operator ends a hold; False when the route was not held."""
        return self._held.pop(route, None) is not None

    def holds(self) -> list[RouteHold]:
        """All holds there are."""
        return [_shown(route, held) for route, held in self._held.items()]

    def next_due(self) -> float | None:
        """When the next hold ends or wants a probe (monotonic), or None."""
        return min((held.until for held in self._held.values() if held.state is _State.CLOSED), default=None)

    def _tell_nothing(self, action: Action, of: str) -> None:
        for route in (SINK_ROUTE, action.name):
            held = self._held.get(route)
            if route != of and held and held.state is _State.TRYING and held.tried_by == action.name:
                held.state = _State.TRIAL

    def _wait_s(self, hold: Hold, failures: int) -> float:
        if hold.retry_after_s is not None:
            return hold.retry_after_s
        return full_jitter(failures, self._base_s, self._cap_s, self._rng)

    def _holds_of(self, action: Action) -> list[_Held]:
        return [held for route in (SINK_ROUTE, action.name) if (held := self._held.get(route))]

    def _is_trying(self, route: str) -> bool:
        held = self._held.get(route)
        return held is not None and held.state is _State.TRYING

    @staticmethod
    def _route(action: Action, scope: Scope) -> str:
        return SINK_ROUTE if scope is Scope.SINK else action.name


def _shown(route: str, held: _Held) -> RouteHold:
    return RouteHold(route, held.hold.cause, held.hold.detail, held.until)
