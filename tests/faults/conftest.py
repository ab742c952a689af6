"""The stage on which the histories of a test run are played."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults.stage import Stage
from tests.support.fixtures import Kafka


@pytest.fixture(scope="session")
def stage(kafka: Kafka, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Every history of this run has begun, or waits for its turn."""
    with closing(Stage(kafka, tmp_path_factory.mktemp("stage"))) as stage:
        stage.begin(request.session.items)
        yield stage
