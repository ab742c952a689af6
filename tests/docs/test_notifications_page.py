"""docs/vendors/notifications.md: its flows load and act, its settings are settings, its receiver checks signatures."""

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

from common import yaml
from common.event_json import from_json
from schemas.catalogue import catalogue
from tests.support.notifications import NOW
from workers.flows.catalogue import Flows, load_flows
from workers.sinks.notifications.actions import actions
from workers.sinks.notifications.client import signed
from workers.sinks.notifications.config import NotificationsConfig
from workers.sinks.notifications.parameters import Notify, RaiseAlert, Severity

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "vendors" / "notifications.md").read_text(encoding="utf-8")
FLOWS, SETTINGS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def example(topic: str, name: str) -> dict[str, Any]:
    return from_json(topic, json.loads((ROOT / "schemas" / "examples" / topic / name).read_text(encoding="utf-8")))


def flows(folder: Path) -> Flows:
    file = folder / "flows.yaml"
    file.write_text(FLOWS, encoding="utf-8")
    named = {f"notifications.{name}": action for name, action in actions().items()}
    return load_flows([file], named, {}, catalogue(), ())


def test_a_failed_run_raises_an_alert(tmp_path: Path) -> None:
    """N1, with an event of our examples."""
    value = example("comms.batch.v1", "FAILED.json")
    (flow,) = flows(tmp_path).matching("comms.batch.v1", value)

    made = flow.parameters(value)

    assert isinstance(made, RaiseAlert)
    assert made.alert_key == "batch:stmt-2026-03:failed"


def test_what_an_alert_carries_fits_notify_as_it_is(tmp_path: Path) -> None:
    """N7: lists, links and times keep their kinds on the way through a flow."""
    value = example("comms.alert.v1", "RAISED.json")
    (flow,) = flows(tmp_path).matching("comms.alert.v1", value)

    made = flow.parameters(value)

    assert isinstance(made, Notify)
    assert made.everybody == ("role:operations", "role:print-production")
    assert (made.severity, made.links[0].label) == (Severity.HIGH, "Open job")
    assert made.expires_at == value["expires_at"]


def test_an_alert_of_the_least_kind_fits_notify(tmp_path: Path) -> None:
    """What an event leaves out has a default."""
    value = example("comms.alert.v1", "RAISED-low.json")
    (flow,) = flows(tmp_path).matching("comms.alert.v1", value)

    assert flow.parameters(value).model_dump()["links"] == ()


def test_its_settings_are_settings(tmp_path: Path) -> None:
    """As they stand."""
    file = tmp_path / "site.yaml"
    file.write_text(SETTINGS, encoding="utf-8")

    config = NotificationsConfig.model_validate(yaml.read(file).data["sinks"]["notifications"])

    assert config.routing[Severity.LOW] == ("email",)


def test_its_receiver_s_check_fits_what_is_sent() -> None:
    """The expression on the page, on a request of ours."""
    body, names = b'{"id": "1"}', {"hmac": hmac, "hashlib": hashlib, "secret": b"s", "body": b'{"id": "1"}'}
    headers = signed("s", body, NOW)
    (line,) = re.findall(r"^expected = (.*)$", PAGE, re.MULTILINE)

    expected = eval(line, {**names, "timestamp": headers["x-timestamp"]})

    assert headers["x-signature"] == f"sha256={expected}"
