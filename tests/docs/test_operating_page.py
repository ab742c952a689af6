"""docs/operating.md says what the code does: ports, probes, metrics, alerts, holds and reasons."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from common.health import Health
from common.metrics_reference import table, with_table
from common.reasons import Cause, Reason
from tests.support.clock import ManualClock
from workers.bootstrap.sink import _watch
from workers.bootstrap.worker import Worker
from workers.cli import main
from workers.settings import Settings
from workers.sinks.routes import RouteHold
from workers.sinks.runner import Runner
from workers.sinks.status import Status

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text()
YET = "*Nothing raises it yet.*"


def _section(heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def _rows(heading: str) -> list[list[str]]:
    """The cells of every table row of a section, heads left out."""
    lines = re.findall(r"^\| (.+) \|$", _section(heading), re.MULTILINE)
    return [line.split(" | ") for line in lines if line.split(" | ")[0] not in ("port", "address", "situation")]


def _symbols(heading: str) -> dict[str, str]:
    """First column, without its ticks, to the rest of the row."""
    return {row[0].strip("`"): " ".join(row[1:]) for row in _rows(heading) if row[0].startswith("`")}


def _raised(enum: str) -> set[str]:
    """The members of an enumeration that our code names outside of its declaration."""
    files = [path for package in ("common", "workers") for path in (ROOT / package).rglob("*.py")]
    return {name for path in files for name in re.findall(rf"\b{enum}\.([A-Z_]+)\b", path.read_text())}


def test_the_metrics_are_current() -> None:
    """Whoever changes one runs `python -m common.metrics_reference docs/operating.md`."""
    assert with_table(PAGE) == PAGE
    assert table().count("\n| `commfleet_") > 20


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    """Nothing is written over by mistake."""
    with pytest.raises(ValueError, match="needs two lines"):
        with_table("# Another page\n")


def test_every_cause_of_a_hold_has_its_way_out() -> None:
    """In the order of common/reasons.py, none too many."""
    assert list(_symbols("Holds")) == [str(cause) for cause in Cause]


def test_every_reason_is_explained() -> None:
    """The same for reasons."""
    assert list(_symbols("Reasons")) == [str(reason) for reason in Reason]


@pytest.mark.parametrize(("heading", "members"), [("Holds", Cause), ("Reasons", Reason)])
def test_what_nothing_raises_yet_is_said(heading: str, members: type[Cause] | type[Reason]) -> None:
    """Whoever raises a cause or a reason for the first time takes that remark away."""
    promised = {symbol for symbol, text in _symbols(heading).items() if YET in text}

    assert promised == {member.value for member in members if member.name not in _raised(members.__name__)}


def test_every_alert_has_its_section() -> None:
    """Its runbook annotation leads there, and no section is left of an alert that is gone."""
    rules = YAML(typ="safe", pure=True).load((ROOT / "deploy/prometheus/rules/alerts.yml").read_text())
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]

    assert re.findall(r"^### (\w+)$", _section("Alerts"), re.MULTILINE) == alerts


def test_every_cause_of_an_alert_on_holds_is_named_in_its_section() -> None:
    """The rule's own list, in words."""
    rules = YAML(typ="safe", pure=True).load((ROOT / "deploy/prometheus/rules/alerts.yml").read_text())
    held = {
        rule["alert"]: set(found[0].split("|"))
        for group in rules["groups"]
        for rule in group["rules"]
        if (found := re.findall(r'cause=~"([^"]+)"', rule["expr"]))
    }

    told = {name: set(re.findall(r"\w+", _links(name))) - {"or"} for name in held}

    assert len(held) == 3
    assert told == held


def _links(alert: str) -> str:
    """The words of the link to the table of causes, in an alert's section."""
    (text,) = re.findall(rf"^### {alert}$.*?\[([^\]]+)\]\(#holds\)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def test_links_within_the_page_lead_somewhere() -> None:
    """As GitHub makes anchors of headings."""
    anchors = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", PAGE, re.M)
    }

    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors


COMMANDS = sorted(set(re.findall(r"`commfleet ([^`]+)`", PAGE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    """With the options that the page gives it; --help keeps it from running."""
    answer = CliRunner().invoke(main, [*command.split(), "--help"])

    assert answer.exit_code == 0, answer.output


def test_ports_are_the_defaults() -> None:
    """And the settings that it names have them."""
    settings = Settings()
    ports = {row[2].strip("`"): int(row[0]) for row in _rows("Ports") if row[0].isdigit()}

    assert ports == {"ingest.webhook.port": settings.ingest.webhook.port, "health.port": settings.health.port}


def test_the_compose_files_ports_are_all_told() -> None:
    """Each published port, and no other."""
    compose = YAML(typ="safe", pure=True).load((ROOT / "docker-compose.kafka.yml").read_text())
    published = {port.split(":")[1] for service in compose["services"].values() for port in service.get("ports", [])}

    assert set(re.findall(r"`localhost:(\d+)`", _section("Ports"))) == published


# -- probes: what the page says of each situation, asked of the code --------------------------------

Case = Callable[["Rig"], None]


class Rig:
    """A sink's worker as far as its probes care."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.health = Health()
        self.trouble = ""
        self.runner = SimpleNamespace(status=Status(is_ready=True, partitions=4, at=self.clock.monotonic()))
        self.health.ready_when("broker", lambda: self.trouble)
        _watch(cast(Worker, self), "braze.main", cast(Runner, self.runner))

    def show(self, **changes: object) -> None:
        """What the runner shows of itself."""
        self.runner.status = Status(**{"is_ready": True, "at": self.clock.monotonic(), **changes})  # type: ignore[arg-type]


def _works(rig: Rig) -> None:
    """Nothing is wrong."""


def _is_held(rig: Rig) -> None:
    rig.show(holds=(RouteHold("", Cause.VENDOR_DOWN, "503", 0.0),))


def _has_no_broker(rig: Rig) -> None:
    rig.trouble = "no broker answers"


def _has_no_registry(rig: Rig) -> None:
    rig.health.ready_when("registry", lambda: "not reached yet")


def _is_unassigned(rig: Rig) -> None:
    rig.show(is_ready=False)


def _has_lost_an_offset(rig: Rig) -> None:
    rig.show(is_ready=False, trouble="its offset is outside the log")


def _producer_fails(rig: Rig) -> None:
    rig.health.ready_when("producer", lambda: "fenced")


def _is_stuck(rig: Rig) -> None:
    rig.clock.advance(121)


SITUATIONS: list[Case] = [
    _works,
    _is_held,
    _has_no_broker,
    _has_no_registry,
    _is_unassigned,
    _has_lost_an_offset,
    _producer_fails,
    _is_stuck,
]
"""In the order of the page's table."""


@pytest.mark.parametrize(("row", "situation"), list(zip(_rows("Probes"), SITUATIONS, strict=True)))
def test_probes_answer_as_the_page_says(row: list[str], situation: Case) -> None:
    """One row of the table, asked of the checks that a worker registers."""
    rig = Rig()

    situation(rig)

    is_live, is_ready = rig.health.liveness()[0], rig.health.readiness()[0]
    assert [200 if is_live else 503, 200 if is_ready else 503] == [int(row[1]), int(row[2])]


def test_a_hold_stands_in_the_answer() -> None:
    """The page says that /readyz lists what is held."""
    rig = Rig()

    _is_held(rig)

    assert rig.health.readiness()[1]["holds"] == [{"route": "braze.main", "cause": "vendor_down", "detail": "503"}]
