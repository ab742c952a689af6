"""docs/vendors/braze.md: its flows load and act, its settings are settings, its tables name what there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from common import yaml
from common.clock import SystemClock
from common.event import Event
from common.event_json import from_json
from sandbox.braze.options import PERMISSIONS, Options
from schemas.catalogue import catalogue
from workers.flows.catalogue import Flows, load_flows
from workers.sinks.api import Repeat
from workers.sinks.braze.actions import actions
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.sink import BrazeSink

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "vendors" / "braze.md").read_text(encoding="utf-8")
POLLERS = (ROOT / "docs" / "pollers.md").read_text(encoding="utf-8")
FLOWS, SETTINGS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def flows(tmp_path: Path) -> Flows:
    file = tmp_path / "flows.yaml"
    file.write_text(FLOWS, encoding="utf-8")
    return load_flows([file], {f"braze.{name}": action for name, action in actions().items()}, {}, catalogue(), ())


@pytest.fixture
def config(tmp_path: Path) -> BrazeConfig:
    file = tmp_path / "site.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    return BrazeConfig.model_validate(yaml.read(file).data["sinks"]["braze"])


def example(topic: str, name: str, **more: Any) -> dict[str, Any]:
    value = json.loads((ROOT / "schemas" / "examples" / topic / name).read_text(encoding="utf-8"))
    return from_json(topic, value | more)


def test_its_settings_have_what_its_flows_name(flows: Flows, config: BrazeConfig) -> None:
    """No flow of the page lacks an identifier."""
    sink = BrazeSink.connect(config, SystemClock())
    try:
        assert [problem for flow in flows for problem in sink.problems(flow.action, flow.possible)] == []
    finally:
        sink.close()


@pytest.mark.parametrize(
    ("topic", "file", "change", "name"),
    [
        ("comms.journey.v1", "EXPIRING.json", {}, "B3-renewal"),
        ("comms.communication.v1", "GENERATED.json", {"document_type": "receipt"}, "receipt-mail"),
        (
            "comms.consent.v1",
            "DECIDED.json",
            {"write_to": ["braze"], "kind": "SUBSCRIPTION", "subscription_group": "news"},
            "consent-to-group",
        ),
        ("comms.consent.v1", "DECIDED.json", {"write_to": ["braze"]}, "consent-to-address"),
    ],
)
def test_its_flows_make_requests(
    flows: Flows, config: BrazeConfig, topic: str, file: str, change: dict[str, Any], name: str
) -> None:
    """With an event of our examples, as the sink would."""
    value = example(topic, file, **change)
    value["customer"] = {**value["customer"], "resolved": True, "email": "a@example.com"}
    (flow,) = flows.matching(topic, value)
    sink = BrazeSink.connect(config, SystemClock())
    try:
        item = sink.prepare(flow.action, Event(topic, b"c1", value), flow.parameters(value))
    finally:
        sink.close()

    assert flow.name == name
    assert item.size > 0


def test_its_table_has_every_action() -> None:
    """With its repeat, whom it contacts, and how many travel together."""
    rows = re.findall(r"^\| `braze\.(\w+)` \| (\w+)[^|]* \| (\w+) \| (\d+) \|", PAGE, re.MULTILINE)

    assert rows == [
        (action.name, "once" if action.repeat is Repeat.ONCE else "repeatable", action.contacts, str(action.max_items))
        for action in actions().values()
    ]


def _permissions(text: str) -> set[str]:
    """The names of permissions in a text."""
    names = set(re.findall(r"`([a-z]+(?:[._][a-z]+)+)`", text))
    return {name for name in names if "." in name}


def test_its_permissions_are_those_that_the_sandbox_asks_for() -> None:
    """§1.3, the sink's here and the poller's on its page, but for the two reads that only tests make."""
    sink = _permissions(PAGE.split("## Set-up")[1].split("2. **The REST")[0])
    poller = _permissions(POLLERS.split("## Braze")[1].split("with the permissions")[1].split("| feed |")[0])

    assert sink | poller == PERMISSIONS - {"users.export.ids", "subscription.status.get"}
    assert sink & poller == {"campaigns.list"}


def test_its_switches_are_switches() -> None:
    """Every name in brackets is an option of the sandbox."""
    in_brackets = re.findall(r"\[((?:`\w+`(?:, )?)+)\]", PAGE)
    switches = {name for each in in_brackets for name in re.findall(r"`(\w+)`", each)}

    assert switches
    assert switches <= set(Options.__dataclass_fields__)


def test_its_settings_in_the_text_are_settings() -> None:
    """No name of a setting that there is not."""
    named = set(re.findall(r"`(\w+_(?:s|objects|recipients|bytes|3s))`", PAGE))

    assert named - set(Options.__dataclass_fields__) <= set(BrazeConfig.model_fields)
