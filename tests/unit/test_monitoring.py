"""deploy/prometheus and deploy/grafana: every metric, label and value that they name exists."""

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from common.metrics import Metrics
from common.reasons import Cause, Reason
from tests.support.promql import Named, known, named, result_labels
from tests.support.require import Server, absent
from workers.catalogue import VENDORS
from workers.ingest.files.hooks import FileOutcome
from workers.ingest.hooks import SignalOutcome
from workers.settings import Settings
from workers.sinks.api import Verdict

DEPLOY = Path(__file__).parents[2] / "deploy"
TARGET_LABELS = frozenset({"job", "instance", "worker"})
FOREIGN = {
    "up": (),
    "ALERTS": ("alertname", "alertstate", "severity"),
    "process_cpu_seconds_total": (),
    "process_resident_memory_bytes": (),
}
"""What Prometheus and its client tell by themselves."""

CLOSED = {
    "cause": {str(cause) for cause in Cause},
    "reason": {str(reason) for reason in Reason} | {""},
    "outcome": {str(outcome) for outcome in (*SignalOutcome, *FileOutcome)},
    "verdict": {verdict.__name__.lower() for verdict in get_args(Verdict)},
    "sink": {*VENDORS, "journeys"},
}


def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


RULES = [
    rule
    for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    for group in _yaml(path)["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: result_labels(rule["expr"]) for rule in RULES if "record" in rule}
METRICS = {metric.name: metric.labels for metric in Metrics("").declared} | RECORDED | FOREIGN

DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "commfleet.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}

EXPRESSIONS = [
    *((rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES),
    *((title, target["expr"]) for title, target in TARGETS),
]


def _faults(expression: Named) -> Iterator[str]:
    """What an expression names that does not exist."""
    yield from (f"metric {name}" for name in expression.metrics if known(METRICS, name) is None)
    for one in expression.matched:
        yield from _unknown([one.label], one.metric)
        allowed = CLOSED.get(one.label)
        values = [value for value in one.values if not value.startswith("$")]
        yield from (f"{one.label}={value}" for value in values if allowed is not None and value not in allowed)
    for group in expression.grouped:
        for metric in group.metrics:
            yield from _unknown(group.labels, metric)


def _unknown(labels: Iterable[str], metric: str) -> Iterator[str]:
    if metric == "ALERTS":
        return  # it carries the labels of every alert's expression, which is looked at itself
    has = TARGET_LABELS.union(known(METRICS, metric) or ())
    yield from (f"label {label} of {metric}" for label in labels if label not in has)


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS)
def test_everything_that_an_expression_names_exists(place: str, expression: str) -> None:
    """A metric that nobody counts is an alert that never fires, and a panel that stays empty."""
    assert list(_faults(named(expression))) == []


def test_the_check_notices_what_does_not_exist() -> None:
    """It is not an empty one."""
    wrong = (
        'sum by (sink, colour) (rate(commfleet_deliveries_total{verdict="delivred",flavour="x"}[5m])) > commfleet_lag'
    )

    assert sorted(_faults(named(wrong))) == [
        "label colour of commfleet_deliveries_total",
        "label flavour of commfleet_deliveries_total",
        "metric commfleet_lag",
        "verdict=delivred",
    ]


def test_a_histogram_is_not_read_by_its_bare_name() -> None:
    """Prometheus has no series of that name."""
    bare = [
        (place, name)
        for place, expression in EXPRESSIONS
        for name in named(expression).metrics
        if any(metric.name == name and metric.kind == "histogram" for metric in Metrics("").declared)
    ]

    assert bare == []


# -- alerts ---------------------------------------------------------------------------------------


def _watched(label: str) -> Counter[str]:
    """How many alerts name each value of a label."""
    names = (named(rule["expr"]) for rule in ALERTS.values())
    return Counter(value for name in names for one in name.matched if one.label == label for value in one.values)


def test_each_cause_of_a_hold_has_one_alert() -> None:
    """Whoever adds a cause decides who is woken up by it: common/reasons.py, deploy/prometheus/rules/alerts.yml."""
    assert _watched("cause") == Counter(str(cause) for cause in Cause)


def test_each_refusal_of_a_signal_has_one_alert() -> None:
    """Whoever adds an outcome decides the same: workers/ingest/hooks.py. Of a file it is its failure."""
    well = {SignalOutcome.STORED, SignalOutcome.PASSED_OVER}
    bad = {*(set(SignalOutcome) - well), FileOutcome.FAILED}
    assert _watched("outcome") == Counter(str(outcome) for outcome in bad)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_means(name: str) -> None:
    """How urgent, what is wrong, and where it says what to do."""
    alert = ALERTS[name]

    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    assert alert["annotations"]["runbook"] == f"docs/operating.md#{name.lower()}"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_names_labels_that_it_has(name: str) -> None:
    """`{{ $labels.x }}` of a label that is not there prints nothing."""
    texts = " ".join(ALERTS[name]["annotations"].values())
    labels = set(re.findall(r"\$labels\.(\w+)", texts))
    expression = named(ALERTS[name]["expr"])
    carried = {label for metric in expression.metrics for label in known(METRICS, metric) or ()} | TARGET_LABELS
    by = [group.labels for group in expression.grouped]

    assert labels <= (frozenset().union(*by) if by else carried)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_seen_firing(name: str) -> None:
    """In one of its tests at least; promtool holds that nothing else fires there."""
    cases = [
        case
        for path in sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
        for test in _yaml(path)["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == name
    ]

    assert any(case["exp_alerts"] for case in cases)


@pytest.mark.parametrize(
    "words",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules/recording.yml", "rules/alerts.yml"],
        ["test", "rules", "tests/workers.yml", "tests/sinks.yml", "tests/journeys.yml", "tests/ingest.yml"],
    ],
    ids=["config", "rules", "tests"],
)
def test_prometheus_agrees(words: list[str]) -> None:
    """Its own tool reads the files and plays the alerts' tests."""
    promtool = shutil.which("promtool")
    if promtool is None:
        absent(Server.PROMTOOL, "promtool is not on the path; on Debian and Ubuntu: apt-get install prometheus")

    answer = subprocess.run(
        [promtool, *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True, timeout=60, check=False
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_no_file_of_rules_or_tests_is_forgotten() -> None:
    """The lists above are complete."""
    files = {f"{path.parent.name}/{path.name}" for path in (DEPLOY / "prometheus").glob("*/*.yml")}

    assert files == {
        *("rules/recording.yml", "rules/alerts.yml"),
        *("tests/workers.yml", "tests/sinks.yml", "tests/journeys.yml", "tests/ingest.yml"),
    }


# -- the dashboard --------------------------------------------------------------------------------


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_can_be_read_by_who_did_not_make_it(panel: dict[str, Any]) -> None:
    """A title, a sentence, a unit, and queries of the data source that is chosen above."""
    assert panel["type"] in ("stat", "timeseries", "table", "state-timeline")
    assert panel["title"]
    assert panel["description"].endswith((".", "`"))
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0


def test_units_fit_what_is_measured() -> None:
    """Seconds are shown as time, bytes as bytes."""
    wrong = [
        title
        for panel in PANELS
        for title, unit in [(panel["title"], panel["fieldConfig"]["defaults"]["unit"])]
        for target in panel["targets"]
        for name in named(target["expr"]).metrics
        if ("_seconds" in name and "cpu" not in name and unit != "s") or ("_bytes" in name and unit != "bytes")
    ]

    assert wrong == []


def test_panels_have_ids_and_places_of_their_own() -> None:
    """Grafana would lay one over the other."""
    places = [_place(panel) for panel in DASHBOARD["panels"]]

    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert [place for place in places if not 0 <= place[0] < place[2] <= 24] == []
    assert [pair for pair in combinations(places, 2) if _overlap(*pair)] == []


def _place(panel: dict[str, Any]) -> tuple[int, int, int, int]:
    at = panel["gridPos"]
    return at["x"], at["y"], at["x"] + at["w"], at["y"] + at["h"]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize(("title", "target"), TARGETS)
def test_a_legend_names_labels_of_the_result(title: str, target: dict[str, Any]) -> None:
    """Another would be printed as it stands, in braces."""
    labels = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
    grouped = [group.labels for group in named(target["expr"]).grouped]

    assert labels <= frozenset().union(*grouped) - {"le"}


def test_every_variable_is_declared_and_used() -> None:
    """And its values come from a label that exists."""
    text = json.dumps(DASHBOARD["panels"])
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__range"}
    queries = [variable["query"]["query"] for variable in VARIABLES.values() if variable["type"] == "query"]
    asked = [re.fullmatch(r"label_values\((\w+), (\w+)\)", query) for query in queries]

    assert used == set(VARIABLES)
    assert [one.group() for one in asked if one and one.group(2) not in METRICS[one.group(1)]] == []
    assert all(asked)


# -- what is scraped, what is provisioned ---------------------------------------------------------

PROMETHEUS = _yaml(DEPLOY / "prometheus" / "prometheus.yml")
COMPOSE = _yaml(DEPLOY.parent / "docker-compose.kafka.yml")
PROVISIONING = DEPLOY / "grafana" / "provisioning"


def test_every_worker_is_scraped_on_its_health_port() -> None:
    """The job is called as the rules expect it."""
    (job,) = PROMETHEUS["scrape_configs"]
    workers = [name for name, service in COMPOSE["services"].items() if "run" in service.get("command", [])]
    port = Settings().health.port

    assert job["job_name"] == "commfleet"
    assert [
        (target, config["labels"]["worker"]) for config in job["static_configs"] for target in config["targets"]
    ] == [(f"{name}:{port}", name) for name in workers]


def test_grafana_finds_prometheus() -> None:
    """At the port that its service publishes, and knowing how often it scrapes."""
    (source,) = _yaml(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]

    assert source["url"] == "http://prometheus:9090"
    assert COMPOSE["services"]["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


def test_grafana_finds_the_dashboard() -> None:
    """The provider's folder is where the dashboards are mounted, and the one to begin with is there."""
    (provider,) = _yaml(PROVISIONING / "dashboards" / "commfleet.yml")["providers"]
    grafana = COMPOSE["services"]["grafana"]
    mounts = dict(reversed(mount.split(":")[:2]) for mount in grafana["volumes"])
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    assert mounts[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    assert (DEPLOY.parent / mounts[str(home.parent)] / home.name).is_file()
