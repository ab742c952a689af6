"""`status` and `routes`: what a running worker is asked over HTTP, and how far groups are behind."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from common.event import Commit, PartitionId
from common.health import Health
from common.health_server import HealthServer
from common.meters import JourneyMeter
from common.metrics import Metrics
from tests.support.ports import free_ports
from workers.cli import main
from workers.sinks.commit_map import commit_of
from workers.sinks.progress import Progress
from workers.status_command import TopicLag, lags

TOKEN = "operators-only-0123456789"
HOLD: dict[str, str | float] = {"route": "braze.main", "cause": "credentials", "detail": "[bold]401"}


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the token."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("COMMFLEET_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COMMFLEET_HEALTH__TOKEN", TOKEN)


@pytest.fixture
def health() -> Health:
    """What the worker says."""
    return Health()


@pytest.fixture
def url(health: Health) -> Iterator[str]:
    """A worker's health port; the worker is 12 records and 30 s behind."""
    metrics = Metrics("1")
    for partition, behind in (("0", 5), ("1", 7)):
        metrics.lag_records.labels("braze", "main", "comms.workspace.v1", partition).set(behind)
    metrics.lag_seconds.labels("braze", "main").set(30)
    with HealthServer(health, metrics.render, "127.0.0.1", 0, TOKEN) as server:
        yield f"http://127.0.0.1:{server.port}"


def run(*words: str) -> Result:
    """One command."""
    return CliRunner().invoke(main, words)


def test_status_tells_readiness_lag_and_holds(health: Health, url: str) -> None:
    """Of a worker that works, although its vendor does not."""
    health.ready_when("broker", lambda: "")
    health.show_holds(lambda: [HOLD])

    answer = run("status", "--url", url)

    assert answer.exit_code == 0
    assert answer.output.splitlines() == [
        f"{url} is ready",
        "  braze.main: 12 records and 30 s behind",
        "  held: braze.main (credentials): [bold]401",
    ]


def test_status_tells_how_the_customer_store_is(health: Health) -> None:
    """Of a journey worker: what its own metrics say."""
    metrics = Metrics("1")
    meter = JourneyMeter(metrics)
    meter.path.lag("comms.profile.v1", 0, 4)
    meter.path.oldest(9)
    meter.fresh(3)
    meter.due(12, 4.0)
    meter.outbox(2)

    with HealthServer(health, metrics.render, "127.0.0.1", 0, TOKEN) as server:
        answer = run("status", "--url", f"http://127.0.0.1:{server.port}")

    assert answer.output.splitlines()[1:] == [
        "  journeys.main: 4 records and 9 s behind",
        "  customer store: fresh as of 3 s ago, 12 timers due, the oldest for 4 s, 2 events in the outbox",
    ]


def test_status_fails_when_a_worker_is_not_ready(health: Health, url: str) -> None:
    """The check that says why is shown, the others are not."""
    health.ready_when("broker", lambda: "no broker answers")
    health.ready_when("stop", lambda: "")

    answer = run("status", "--url", url)

    assert answer.exit_code == 1
    assert "  broker: no broker answers" in answer.output
    assert "stop" not in answer.output


def test_status_goes_on_past_a_worker_that_is_away(health: Health, url: str) -> None:
    """The others are shown; the command fails."""
    away = f"http://127.0.0.1:{free_ports(1)[0]}"

    answer = run("status", "--url", away, "--url", url)

    assert answer.exit_code == 1
    assert f"{away} does not answer" in answer.output
    assert f"{url} is ready" in answer.output


def test_routes_are_listed_by_worker(health: Health, url: str) -> None:
    """As text, not markup."""
    health.show_holds(lambda: [HOLD])

    answer = run("routes", "list", "--url", url)

    assert answer.output.splitlines()[1].split() == [url, "braze.main", "credentials", "[bold]401"]


def test_a_route_is_released(health: Health, url: str) -> None:
    """It fails where nothing of that name is held."""
    health.release_with(lambda route: route == "braze.main")

    there, gone = run("routes", "release", "braze.main", "--url", url), run("routes", "release", "x", "--url", url)

    assert (there.exit_code, there.output) == (0, f"{url}: braze.main released\n")
    assert (gone.exit_code, gone.output) == (1, f"{url}: x is not held\n")


def test_another_token_is_refused_with_words(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the setting, never the token."""
    monkeypatch.setenv("COMMFLEET_HEALTH__TOKEN", "somebody-elses-0123456789")

    answer = run("routes", "list", "--url", url)

    assert answer.exit_code == 1
    assert "health.token is not the worker's own" in answer.output
    assert "0123456789" not in answer.output


def test_a_lag_is_what_commits_leave_to_the_end() -> None:
    """Done records above the commit are not behind; a partition without a commit is so from its begin."""
    one, two, new = (PartitionId("t", number) for number in range(3))
    progress = Progress(10)
    for offset in (10, 11, 12):
        progress.track(offset, 1)
    progress.resolve(11, 1)
    stored = {one: commit_of(progress, "nonce123"), two: Commit(5, "another tool's"), new: None}

    found = lags("g", stored, {one: (0, 15), two: (0, 5), new: (4, 6)})

    assert found == [TopicLag("g", "t", 4 + 0 + 2, 1)]


def test_a_group_at_the_ends_is_not_behind() -> None:
    """No line for it."""
    here = PartitionId("t", 0)

    assert lags("g", {here: Commit(5, "")}, {here: (0, 5)}) == []
