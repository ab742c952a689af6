"""Journeys in tests: loaded from text or from the catalogue, and played on a virtual clock."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.errors import LocatedError
from common.store.times import SECOND_US
from schemas.catalogue import catalogue
from tests.support.store import START_US
from workers.flows.place import FaultyFlowsError
from workers.journeys.catalogue import load_journeys
from workers.journeys.definition import Journey
from workers.journeys.explain import Arrival, Line, explain
from workers.journeys.incoming import Incoming

DAY = 86_400
HOUR = 3600


def defaults(*names: str, **values: Any) -> tuple[Journey, ...]:
    """Journeys of the catalogue; all without names."""
    found = load_journeys((), values, catalogue()).journeys
    return tuple(one for one in found if not names or one.name in names)


def written(folder: Path, text: str, **values: Any) -> tuple[Journey, ...]:
    """Journeys of a site's own file, without the catalogue."""
    file = folder / "journeys.yaml"
    file.write_text(text)
    return load_journeys([file], values, catalogue(), ()).journeys


def faults(folder: Path, text: str) -> list[str]:
    """Line and message of every fault of a file."""
    try:
        written(folder, text)
    except FaultyFlowsError as error:
        return [_told(one) for one in error.errors]
    return []


def _told(error: LocatedError) -> str:
    return f"{error.line}: {str(error).partition(': ')[2]}"


def arrival(record: Incoming, at_s: float | None = None) -> Arrival:
    """An event that is read when it happens, or `at_s` seconds after START."""
    assert record.value is not None
    read_at = record.occurred_at if at_s is None else START_US + int(at_s * SECOND_US)
    return Arrival(read_at, record.topic, record.value)


def lines(journeys: tuple[Journey, ...], *records: Incoming | Arrival) -> list[Line]:
    """What happens."""
    arrivals = (one if isinstance(one, Arrival) else arrival(one) for one in records)
    return list(explain(journeys, arrivals))


def steps(found: Iterable[Line], what: str = "fired") -> list[tuple[str, float]]:
    """The steps of that outcome, and seconds after START."""
    return [(one.step, (one.at - START_US) / SECOND_US) for one in found if one.what == what]
