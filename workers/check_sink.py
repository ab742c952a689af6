"""`commfleet check sink NAME`: whether the vendor is there, knows us, and lets us do what flows may ask.

Only harmless requests are made: the sink's own probe, and, where a vendor gives permissions call by call, a write of
nothing at all, which is refused for being empty by whoever would have let it pass. Nobody is contacted.
"""

from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from common.clock import SystemClock
from common.reasons import Cause
from workers.catalogue import VENDORS, vendor_config
from workers.settings import Settings
from workers.sinks.api import Action, Hold, Sink


@runtime_checkable
class Permits(Protocol):
    """A sink whose vendor can be asked whether an action is permitted."""

    def permitted(self, action: Action) -> Hold | None:
        """Why the action may not be made; None when it may, or when that cannot be told without making it."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one action: `trouble` and `advice` are empty when all is well."""

    name: str
    trouble: str = ""
    advice: str = ""

    @property
    def is_well(self) -> bool:
        """Whether it can be made, as far as can be told."""
        return not self.trouble


def check_sink(settings: Settings, name: str) -> list[Checked]:
    """Every action of a configured sink, in its order. Raises ConfigurationError when the sink has no section."""
    config = vendor_config(settings, name)
    with closing(VENDORS[name].connect(config, SystemClock(), None)) as sink:
        return [_checked(sink, action) for action in sink.actions.values()]


def _checked(sink: Sink, action: Action) -> Checked:
    name = f"{sink.name}.{action.name}"
    if lacking := sink.problems(action, lambda _: None):
        return Checked(name, lacking[0], "a flow that uses this action does not start without it")
    hold = sink.probe(action)
    if hold is None and isinstance(sink, Permits):
        hold = sink.permitted(action)
    if hold is None:
        return Checked(name)
    return Checked(name, f"{hold.cause}: {hold.detail}", _ADVICE.get(hold.cause, _AGAIN).format(section=sink.name))


_AGAIN = "try again later"
_ADVICE = {
    Cause.CREDENTIALS: "correct the secrets of sinks.{section}, or restore the account at the vendor",
    Cause.CONFIGURATION: "correct sinks.{section}, or the permissions of its account at the vendor",
    Cause.VENDOR_DOWN: "is the address of sinks.{section} right, and reachable from this machine?",
    Cause.THROTTLED: "the vendor is there and asks for patience: try again later",
    Cause.QUOTA: "the vendor's daily quota is used up: try again after its midnight",
}
