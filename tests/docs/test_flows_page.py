"""docs/flows.md is made from the catalogue, and the catalogue is whole."""

from pathlib import Path

import pytest

from workers.catalogue import VENDORS
from workers.flow_needs import Needs, needs_of
from workers.flows.site_values import default_values
from workers.flows_page import Listed, listed, page

PAGE = Path(__file__).parents[2] / "docs" / "flows.md"


def test_the_page_is_current() -> None:
    """Whoever changes the catalogue runs `python -m workers.flows_page > docs/flows.md`."""
    assert PAGE.read_text() == page()


def test_every_entry_says_what_it_is_for() -> None:
    """Each is named after its business flow with a suffix, and has a sentence."""
    wordless = [one.name for one in listed() if not one.raw.get("about") or "-" not in one.name]

    assert wordless == []


def test_no_value_is_for_nothing() -> None:
    """A default that no flow or journey reads would be an option without effect."""
    used = {name for one in listed() for name in (*one.needs.must, *one.needs.may)}

    assert sorted(default_values().keys() - used) == []


@pytest.mark.parametrize(
    ("raw", "needs"),
    [
        ({"do": "braze.track_event", "with": {"name": "x"}}, Needs((), (), (), False)),
        (
            {
                "do": "braze.trigger_campaign",
                "with": {"campaign": "onboarding-${milestone}"},
                "consent": {"purpose": "X"},
            },
            Needs((), (), ("sinks.braze.campaigns: onboarding-${milestone}",), True),
        ),
        (
            {"do": "notifications.raise_alert", "with": {"audience": {"setting": "m5.audience"}}},
            Needs(("m5.audience",), (), ("sinks.notifications.audiences",), False),
        ),
        ({"when": {"profile": {"risk_level": ["high"]}}, "do": "braze.track_event"}, Needs((), (), (), True)),
        ({"do": "braze.track_event", "with": {"a": ["${profile.risk_level}"]}}, Needs((), (), (), True)),
        ({"kind": "wait", "after": {"a": {"setting": "m5.offer"}}}, Needs((), ("m5.offer",), (), True)),
    ],
    ids=["nothing", "campaign", "audience", "pattern", "template", "journey"],
)
def test_what_an_entry_needs(raw: dict[str, object], needs: Needs) -> None:
    """Values with and without a default, names in the sink's section, and the store."""
    assert needs_of(raw) == needs


@pytest.mark.parametrize("flow", [one for one in listed() if "do" in one.raw], ids=lambda one: str(one.name))
def test_what_a_flow_names_is_among_its_needs(flow: Listed) -> None:
    """Whatever a parameter names in its sink's section, the page says so; only known sections are named."""
    sink = str(flow.raw["do"]).partition(".")[0]
    sections = {name.partition(":")[0].rpartition(".")[2] for name in flow.needs.names}

    assert sink in VENDORS
    given = flow.raw.get("with") or {}
    named = [
        key for key in ("campaign", "canvas", "list", "activity", "object", "communication", "category") if key in given
    ]
    assert len(sections) >= len(named)
