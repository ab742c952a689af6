"""Every hold ends: whatever was answered in whatever order, a vendor that is well again gets everything."""

import random

from hypothesis import given
from hypothesis import strategies as st

from common.reasons import Cause
from tests.property.test_lanes import action
from workers.sinks.api import Action, Hold, Scope
from workers.sinks.routes import Routes

ACTIONS = (action("one", max_items=75), action("two", max_items=75))
CAUSES = (Cause.VENDOR_DOWN, Cause.AMBIGUOUS, Cause.CONFIGURATION, Cause.THROTTLED)

_KINDS = ("send", "well", "hold", "back", "probe")
steps = st.lists(st.tuples(st.sampled_from(_KINDS), st.integers(0, 999).map(random.Random)), min_size=20, max_size=80)


class Vendor:
    """Requests that run, and probes that are on their way, of one runner's routes."""

    def __init__(self) -> None:
        self.routes = Routes(1.0, 60.0, random.Random(1))
        self.now = 0.0
        self.running: list[Action] = []
        self.probing: list[Action] = []

    def step(self, what: str, rng: random.Random) -> None:
        """One thing happens, if it can."""
        self.now += rng.random() * 5
        self.probing += self.routes.to_probe(self.now)
        one = rng.choice(ACTIONS)
        match what:
            case "send" if self.routes.allowance(one):
                self.routes.sent(one)
                self.running.append(one)
            case "well" if self.running:
                self.routes.answered(self._ended(rng))
            case "hold" if self.running:
                scope = rng.choice([Scope.SINK, Scope.ACTION])
                self.routes.hold(self._ended(rng), Hold(rng.choice(CAUSES), scope, "why", None), self.now)
            case "back" if self.running:
                self.routes.came_back(self._ended(rng))
            case "probe" if self.probing:
                is_well = rng.random() < 0.8
                hold = None if is_well else Hold(Cause.VENDOR_DOWN, Scope.SINK, "why", None)
                self.routes.probed(self.probing.pop(), hold, self.now)

    def recover(self, only: Action) -> None:
        """All that runs is answered well; from then on there are deliveries of one action alone."""
        for one in self.running:
            self.routes.answered(one)
        for _ in range(6):
            self.now += 120
            for one in (*self.probing, *self.routes.to_probe(self.now)):
                self.routes.probed(one, None, self.now)
            self.probing = []
            if self.routes.allowance(only):
                self.routes.sent(only)
                self.routes.answered(only)

    def _ended(self, rng: random.Random) -> Action:
        return self.running.pop(rng.randrange(len(self.running)))


@given(steps, st.sampled_from(ACTIONS))
def test_a_vendor_that_is_well_gets_everything(taken: list[tuple[str, random.Random]], only: Action) -> None:
    """With deliveries of one action alone its routes are open in the end."""
    vendor = Vendor()
    for what, rng in taken:
        vendor.step(what, rng)

    vendor.recover(only)

    assert vendor.routes.allowance(only) == only.max_items
