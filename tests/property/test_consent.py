"""Consent as a model: any order, any repetition, any echo."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from common.store.times import SECOND_US
from common.store.values import Evidence, Scope
from workers.consent.config import ConsentSettings
from workers.consent.decide import SKEW_US, decide
from workers.consent.report import Report
from workers.consent.settle import Known, Settlement
from workers.consent.words import Weight, forbids, is_forbidding

MARKETING = Scope("CONSENT", "EMAIL", "MARKETING")
SYSTEMS = ("braze", "marketo", "ecm")
MINUTE_US = 60 * SECOND_US


def evidence(state: str, at: int, weight: str = "EXPLICIT", origin: str = "braze") -> Evidence:
    """A report about one customer's wish."""
    return Evidence("c:C-1", *MARKETING, weight, state, at, origin, f"{origin}-{state}-{at}")


REPORTS = st.lists(
    st.builds(
        evidence,
        st.sampled_from(["OPTED_IN", "SUBSCRIBED", "OPTED_OUT", "SUSPENDED", "UNKNOWN"]),
        st.integers(0, 40).map(lambda minute: minute * MINUTE_US),
        st.sampled_from(["EXPLICIT", "OBSERVED"]),
        st.sampled_from(SYSTEMS),
    ),
    max_size=8,
)


def kept(reports: list[Evidence]) -> list[Evidence]:
    """What the store keeps of them: of each weight and state, the newest."""
    newest: dict[tuple[str, str], Evidence] = {}
    for report in reports:
        key = report.weight, report.state
        if key not in newest or report.effective_at > newest[key].effective_at:
            newest[key] = report
    return list(newest.values())


@given(REPORTS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(reports: list[Evidence], random: object) -> None:
    """The decision is a function of the set of reports; what the store keeps of it is enough."""
    shuffled = [*reports, *reports[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    first, second = decide(reports), decide(kept(shuffled))

    assert (first is None) == (second is None)
    if first and second:
        assert (first.state, first.effective_at) == (second.state, second.effective_at)


@given(REPORTS)
def test_an_opt_out_is_lifted_only_by_a_clearly_newer_opt_in(reports: list[Evidence]) -> None:
    """Explicit against explicit: whenever the answer allows, every objection is older by more than the skew."""
    held = decide(reports)

    if held and not is_forbidding(held):
        explicit = [one for one in reports if one.weight == "EXPLICIT"]
        heard = explicit or reports
        objections = [one.effective_at for one in heard if is_forbidding(one)]
        assert all(held.effective_at > at + SKEW_US for at in objections)


@given(REPORTS)
def test_what_was_observed_never_overrides_what_was_said(reports: list[Evidence]) -> None:
    """Observed reports count only while nobody said anything."""
    held = decide(reports)

    assert held is None or held.weight == "EXPLICIT" or all(one.weight == "OBSERVED" for one in reports)


class Town:
    """Systems that store what they are written and report every change, ours too, with their own time.

    The customer's own acts are kept aside: what is decided in the end must follow from them alone.
    """

    def __init__(self, systems: tuple[str, ...] = SYSTEMS) -> None:
        self.rules, self.known = Settlement(ConsentSettings(systems=systems)), Known("C-1", {}, None, {})
        self.states: dict[str, str] = {}
        self.under_way: list[Report] = []
        self.acts: list[Evidence] = []
        self.writes: list[tuple[str, str]] = []
        self.clock = 0

    def customer_says(self, system: str, state: str) -> None:
        """The customer changes something at one system; saying again what stands there changes nothing."""
        if self.states.get(system) != state:
            self._change(system, state)
            self.acts.append(self.under_way[-1].about("c:C-1"))

    def arrive(self, index: int) -> None:
        """One report of those under way reaches the store; writes are made at once, and reported back."""
        self.clock += SECOND_US
        settled = self.rules.settle(self.known, self.under_way.pop(index % len(self.under_way)), self.clock)
        self.known = settled.known
        for system in settled.write_to:
            assert settled.known.decision
            self._write(system, settled.known.decision.state)

    def _write(self, system: str, state: str) -> None:
        self.writes.append((system, state))
        if self.states.get(system) != state:
            self._change(system, state)

    def _change(self, system: str, state: str) -> None:
        self.clock += SECOND_US
        self.states[system] = state
        self.under_way.append(Report(MARKETING, state, Weight.EXPLICIT, self.clock, system, f"{system}-{self.clock}"))


class Step(NamedTuple):
    """Time passes, then the customer may say something, then reports may arrive."""

    wait_s: int
    act: tuple[str, str] | None
    arrivals: list[int]


STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 2000),
        st.none() | st.tuples(st.sampled_from(SYSTEMS), st.sampled_from(["OPTED_IN", "OPTED_OUT"])),
        st.lists(st.integers(0, 5), max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=400)
@given(STEPS)
def test_the_loop_of_three_systems_goes_quiet_and_decides_what_the_customer_said(steps: list[Step]) -> None:
    """Our own writes come back as reports, late and in any order: neither evidence nor the cause of more writes."""
    town = Town()
    town.customer_says("braze", "OPTED_IN")
    for step in steps:
        town.clock += step.wait_s * SECOND_US
        if step.act:
            town.customer_says(*step.act)
        for index in step.arrivals:
            if town.under_way:
                town.arrive(index)
    bound = 100
    while town.under_way and bound:
        town.arrive(0)
        bound -= 1

    assert not town.under_way, f"still not quiet after {len(town.writes)} writes"
    assert town.known.decision
    truth = decide(town.acts)
    assert truth
    assert set(town.states.values()) == {town.known.decision.state}
    assert town.known.decision.state == truth.state or is_forbidding_state(town.known.decision.state)


def is_forbidding_state(state: str) -> bool:
    """Whether it forbids to write to the customer."""
    return forbids("CONSENT", state)


def test_opposite_changes_at_two_systems_settle_after_three_writes() -> None:
    """A simulation of naive rules never settled."""
    for first in range(2):
        town = Town(systems=("braze", "marketo"))
        town.customer_says("braze", "OPTED_OUT")
        town.customer_says("marketo", "OPTED_IN")
        town.arrive(first)
        while town.under_way:
            town.arrive(0)

        assert set(town.states.values()) == {"OPTED_OUT"}
        assert len(town.writes) <= 3
