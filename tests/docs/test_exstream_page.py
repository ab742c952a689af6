"""docs/vendors/exstream.md: its flows load and act, its settings are settings."""

import json
import re
from pathlib import Path
from typing import Any

from common import yaml
from common.event_json import from_json
from schemas.catalogue import catalogue
from workers.flows.catalogue import Flows, load_flows
from workers.sinks.exstream.communications import Way
from workers.sinks.exstream.config import ExstreamConfig
from workers.sinks.exstream.parameters import PublishPreferences, StartService
from workers.sinks.exstream.sink import actions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "vendors" / "exstream.md").read_text(encoding="utf-8")
FLOWS, SETTINGS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLE = ROOT / "examples" / "exstream.yaml"


def example(topic: str, name: str, **more: Any) -> dict[str, Any]:
    text = (ROOT / "schemas" / "examples" / topic / name).read_text(encoding="utf-8")
    return from_json(topic, json.loads(text) | more)


def flows(file: Path) -> Flows:
    named = {f"exstream.{name}": action for name, action in actions().items()}
    return load_flows([file], named, {}, catalogue(), ())


def written(folder: Path, text: str) -> Path:
    file = folder / "page.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_requested_document_is_started(tmp_path: Path) -> None:
    """M1, with an event of our examples."""
    value = example("comms.communication.v1", "REQUESTED.json", document_type="product_brochure")
    (flow,) = flows(written(tmp_path, FLOWS)).matching("comms.communication.v1", value)

    made = flow.parameters(value)

    assert isinstance(made, StartService)
    assert made.communication == "product_brochure"
    assert made.data["offer"] == "standard"


def test_every_decision_fits_the_feed(tmp_path: Path) -> None:
    """M3: what a decision leaves out is left out."""
    for name in ("DECIDED.json", "DECIDED-preferred-channel.json"):
        value = example("comms.consent.v1", name)
        (flow,) = flows(written(tmp_path, FLOWS)).matching("comms.consent.v1", value)

        made = flow.parameters(value)

        assert isinstance(made, PublishPreferences)
        assert made.effective_at == value["effective_at"]
        assert made.kind == value["kind"]


def test_its_settings_are_settings(tmp_path: Path) -> None:
    """As they stand, one communication a way."""
    given = yaml.read(written(tmp_path, SETTINGS)).data["sinks"]["exstream"]

    config = ExstreamConfig.model_validate(given)

    assert {name: each.way for name, each in config.communications.items()} == {
        "product_brochure": Way.BATCH,
        "renewal_reminder": Way.GENERATE,
        "claim_letter": Way.GENERATE,
    }
    assert config.feed is not None


def test_every_row_of_the_vendor_s_error_table_is_told() -> None:
    """§9 has twenty; ranges are written with both ends."""
    pairs = re.findall(r"#(\d+)(?:–#(\d+))?", PAGE)
    told = {number for first, last in pairs for number in range(int(first), int(last or first) + 1)}

    assert {*range(1, 21)} <= told


def test_the_example_loads() -> None:
    """examples/exstream.yaml, which the compose file runs."""
    value = example("comms.communication.v1", "REQUESTED.json", document_type="renewal_reminder")
    (flow,) = flows(EXAMPLE).matching("comms.communication.v1", value)

    assert flow.parameters(value).model_dump()["communication"] == "renewal_reminder"
