"""docs/flows.md is made from the catalogue, and the catalogue is whole."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workers.catalogue import VENDORS, all_flows
from workers.demo.site import Addresses, site
from workers.flow_needs import Needs, needs_of
from workers.flows.site_values import default_values
from workers.flows_page import ids, listed, page
from workers.settings import load_settings

_SECTION = re.compile(r"sinks\.[a-z]+\.[a-z_]+")
PAGE = Path(__file__).parents[2] / "docs" / "flows.md"


def test_the_page_is_current() -> None:
    """Whoever changes the catalogue runs `python -m workers.flows_page > docs/flows.md`."""
    assert PAGE.read_text() == page()


def test_the_catalogue_is_whole() -> None:
    """All twenty-three business flows, in order."""
    assert ids() == [*(f"M{n}" for n in range(1, 9)), *(f"N{n}" for n in range(1, 8)), *(f"B{n}" for n in range(1, 9))]


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


def test_what_a_site_lacks_is_what_the_page_says(tmp_path: Path) -> None:
    """A site that names nothing is told of the sections that the page names for each flow, and of no other."""
    at = Addresses("127.0.0.1:1", dict.fromkeys(VENDORS, "http://127.0.0.1:1"), f"sqlite:///{tmp_path}/store.db")
    nameless = site(at, datetime.now(UTC), 1)
    for names in ("campaigns", "canvases", "categories", "lists", "activities", "objects", "communications"):
        for sink in nameless["sinks"].values():
            sink.pop(names, None)
    file = tmp_path / "site.json"
    file.write_text(json.dumps(nameless))
    needs = {one.name: one.needs for one in listed() if "do" in one.raw}
    left_out = all_flows(load_settings(file, {})).left_out

    assert len(left_out) > 20
    for one in left_out:
        sections = set(_SECTION.findall(" ".join(one.needs)))
        assert sections <= {name.partition(":")[0] for name in needs[one.name].names}, one
