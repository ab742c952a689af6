"""docs/alerts.md: its settings switch the alerts on, and its table says what it says."""

import json
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from common import yaml
from workers.catalogue import all_flows, configured_sinks, sink_problems
from workers.demo.site.whole import laid_over
from workers.flows.catalogue import Flows
from workers.flows.site_values import default_values
from workers.settings import load_settings
from workers.sinks.notifications.parameters import RaiseAlert

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
SITE, TABLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
FAILED: Mapping[str, Any] = {"type": "FAILED", "event_id": "e-1", "channel": "EMAIL", "failure_reason": "NDLV"}


def flows(folder: Path, *snippets: str) -> Flows:
    """The catalogue of a site with these settings; nothing that it runs is a problem of its sink."""
    file, site = folder / "site.yaml", dict[str, Any]()
    for text in snippets:
        site = laid_over(site, yaml.parse(text, "docs/alerts.md").data)
    file.write_text(json.dumps(site), encoding="utf-8")
    settings = load_settings(file, {})
    found = all_flows(settings)
    with closing(configured_sinks(settings)["notifications"]) as sink:
        assert sink_problems(sink, found) == []
    return found


def test_its_settings_switch_every_flow_on(tmp_path: Path) -> None:
    """All of N, but for what needs the customer store or an alert system of the site's own."""
    found = flows(tmp_path, SITE)

    waiting = {one.name for one in found.left_out if one.name.startswith("N")}
    assert waiting == {"N4-account-manager", "N7-hand-over"}
    assert {flow.name[:2] for flow in found if flow.sink == "notifications"} >= {f"N{n}" for n in range(1, 8)}


def test_its_table_says_what_to_do_next(tmp_path: Path) -> None:
    """Row by row; what the source says itself comes first."""
    flow = flows(tmp_path, SITE, TABLE).by_name("N2-delivery-failed")
    assert flow is not None

    def next_action(**event: Any) -> str | None:
        made = flow.parameters({**FAILED, **event})
        assert isinstance(made, RaiseAlert)
        return made.next_action

    assert next_action(document_type="statement", document_id="d-7") == "Print d-7 and send it by post."
    assert next_action(document_type="policy") == "Call the customer."
    assert next_action(document_type="statement", next_action="Reprint it.") == "Reprint it."


def test_every_value_of_the_family_is_on_the_page() -> None:
    """What a site can set, it can read about."""
    named = [name for name in default_values() if re.match(r"n[1-7]\.", name)]

    assert [name for name in named if name not in PAGE and name.partition(".")[2] not in SITE] == []
