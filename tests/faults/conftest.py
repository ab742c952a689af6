"""The stage on which the histories of a test run are played."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults.stage import Stage
from tests.support.fixtures import Kafka

IN_EVERY_RUN = frozenset(
    {
        "test_a_worker_killed_in_the_middle",
        "test_a_broker_stopped_and_started",
        "test_a_campaign_call_that_fails_for_long",
    }
)
"""The histories that `make test` plays; `make faults` plays all of them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long or wants a quiet machine."""
    for item in items:
        is_played = "stage" in getattr(item, "fixturenames", ()) or "given" in getattr(item, "fixturenames", ())
        if "tests/faults/" in item.nodeid and is_played and item.name not in IN_EVERY_RUN:
            item.add_marker(pytest.mark.soak)


@pytest.fixture(scope="session")
def stage(kafka: Kafka, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Every history of this run has begun, or waits for its turn."""
    with closing(Stage(kafka, tmp_path_factory.mktemp("stage"))) as stage:
        stage.begin(request.session.items)
        yield stage
