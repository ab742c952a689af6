"""Every action of every sink in every case: verdict or hold, what was sent again, what is true at the vendor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.vendors.adapter import EVERY, SKEW_S, Adapter
from tests.contract.vendors.all import ADAPTERS
from tests.contract.vendors.cases import UNSURE, Case, GoesOn
from tests.contract.vendors.page import page
from tests.contract.vendors.play import Skews, deliver, played, said
from workers.catalogue import VENDORS
from workers.sinks.api import Answered, Hold, Repeat

ROOT = Path(__file__).parents[2]
PLAYED = [
    (name, action, case)
    for name, adapter in ADAPTERS.items()
    for action in adapter.goes_on
    for case in Case
    if case is not Case.ROW_REFUSED and adapter.excuse(action, case) is None
]
ROWS = [
    (name, action)
    for name, adapter in ADAPTERS.items()
    for action in adapter.goes_on
    if adapter.excuse(action, Case.ROW_REFUSED) is None
]
EXCUSES = [(name, action, case) for name, adapter in ADAPTERS.items() for action, case in adapter.cannot]


@pytest.fixture(scope="module")
def vendor(request: pytest.FixtureRequest) -> Iterator[Adapter]:
    """The sandbox that a test names."""
    with ADAPTERS[request.param].served() as one:
        yield one


@pytest.mark.parametrize(("vendor", "action", "case"), PLAYED, indirect=["vendor"], scope="module")
def test_a_case_comes_to_its_end(vendor: Adapter, action: str, case: Case) -> None:
    """As the table says; and whatever it says, nothing is done twice and nothing that may be done is called failed."""
    meter = Skews()

    told, first = played(vendor, action, case, meter)

    assert told == vendor.expected(action, case)
    assert told.done <= 1
    assert told.done == 1 or told.end != "delivered" or action in vendor.silent
    if case in UNSURE:
        assert told.first.partition(" ")[0] not in ("rejected", "refused", "suppressed")
    if case is Case.THROTTLED:
        assert isinstance(first, Hold)
        assert first.retry_after_s
    if case is Case.REDIRECT:
        assert vendor.received("/elsewhere") == []
    if case is Case.CLOCK_SKEW and meter.seen:
        assert min(meter.seen) == pytest.approx(-SKEW_S, abs=60)


@pytest.mark.parametrize(("vendor", "action"), ROWS, indirect=["vendor"], scope="module")
def test_a_refused_row_costs_its_neighbour_nothing(vendor: Adapter, action: str) -> None:
    """One request with two records: the bad one is rejected alone, the good one is done once."""
    vendor.begin(action)
    sink = vendor.connect(10)
    expected = vendor.expected(action, Case.ROW_REFUSED)

    outcome = deliver(sink, action, [vendor.bad_row(sink, action), vendor.item(sink, action)])
    sink.close()

    assert isinstance(outcome, Answered)
    assert [said(verdict) for verdict in outcome.verdicts] == [expected.first, "delivered"]
    assert (vendor.sent(action), vendor.done(action, 2), vendor.done(action)) == (expected.sent, expected.done, 1)


def test_no_action_is_missing() -> None:
    """Every sink has its adapter, which names every action of it and no other; others are variants of one."""
    for name, vendor in VENDORS.items():
        assert set(ADAPTERS[name].goes_on) == set(vendor.actions(None)), name
    assert {name.partition(" ")[0] for name in ADAPTERS} == set(VENDORS)


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_is_done_about_doubt_is_what_the_action_says(name: str) -> None:
    """Only what is made once and can neither be looked up nor be recognised is left to a person."""
    with ADAPTERS[name].served() as one:
        sink = one.connect(10)
        sink.close()

    for action, goes_on in one.goes_on.items():
        made = sink.actions[action]
        may_repeat = made.repeat is Repeat.REPEATABLE or made.recognises_repeats
        assert (goes_on is GoesOn.IN_DOUBT) is not (may_repeat or made.can_look_up)
        assert goes_on is not GoesOn.AGAIN or may_repeat


@pytest.mark.parametrize(("name", "action", "case"), EXCUSES)
def test_a_case_that_cannot_exist_has_its_reason(name: str, action: str, case: Case) -> None:
    """The ids of this test are the list of them: one sentence each, about an action that there is."""
    reason = ADAPTERS[name].cannot[(action, case)]

    assert action == EVERY or action in ADAPTERS[name].goes_on or " " in name
    assert reason.endswith(".")
    assert reason.count(". ") == 0
    assert len(reason.split()) > 5


def test_the_page_shows_what_every_case_comes_to() -> None:
    """docs/cases.md is made from the adapters: `python -m tests.contract.vendors.page > docs/cases.md`."""
    assert page() == (ROOT / "docs" / "cases.md").read_text()
