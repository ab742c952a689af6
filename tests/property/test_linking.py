"""Two ids that turn out to be one customer: whatever was said under which, the steps are those of one id."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_journeys import TEXT
from tests.support.clock import ManualClock
from tests.support.journeys import written
from tests.support.store import START, Events, applier, new_store
from workers.journeys.incoming import Incoming
from workers.journeys.interpreter import TOPIC, Journeys

SUBSTITUTE = {"customer_id": "marketo:m:7", "resolved": False}
EVENT = st.tuples(
    st.sampled_from(["start", "start", "answer", "form"]), st.integers(0, 150), st.sampled_from("ab"), st.booleans()
)
EVENTS = st.lists(EVENT, min_size=1, max_size=8, unique_by=lambda one: one[1])
Happened = tuple[str, int, str, bool]


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Journeys:
    """Waits of each `again`, and a date."""
    return Journeys([one for one in written(tmp_path_factory.mktemp("journeys"), TEXT) if one.name != "join"])


def steps(template: Path, journeys: Journeys, records: list[Incoming]) -> list[tuple[Any, ...]]:
    """Every step in the end."""
    clock = ManualClock()
    with new_store(template) as database:
        worker = applier(database, clock, journeys)
        mine = worker.claim(0)
        for record in records:
            mine = worker.apply(mine, [record]).holding
        clock.advance(86_400)
        fired = worker.fire(mine, 1 << 62, journeys.fire, 500, journeys.fire_wants).outgoing
    values = [one.value for one in fired if one.topic == TOPIC and one.value]
    return sorted(
        (one["journey"], one["facts"]["document_id"], one["due_at"], one["customer"]["customer_id"]) for one in values
    )


def made(happened: list[Happened], at: int | None) -> list[Incoming]:
    """The log, each event under its id, the link before the event number `at`; without it, all under the customer's."""
    events, records = Events(), []
    for index, (kind, minute, key, is_substitute) in enumerate(happened):
        if index == at:
            records.append(_link(events))
        records.append(_event(events, kind, minute, key, SUBSTITUTE if is_substitute and at is not None else "C-1"))
    return [*records, _link(events)] if at is not None and at >= len(happened) else records


def _link(events: Events) -> Incoming:
    return events.make("profile", 0, type="LINKED", substitute_id=SUBSTITUTE["customer_id"])


def _event(events: Events, kind: str, minute: int, key: str, customer: Any) -> Incoming:
    match kind:
        case "start":
            due = START.replace(day=2).isoformat()
            document = {"document_id": key, "response_due_at": due}
            return events.make("communication", minute * 60, customer, type="DELIVERED", **document)
        case "answer":
            return events.make("communication", minute * 60, customer, type="RESPONDED", document_id=key)
        case _:
            return events.make("engagement", minute * 60, customer, type="FORM_SUBMITTED")


@settings(max_examples=25, deadline=None)
@given(EVENTS, st.integers(0, 8))
def test_it_is_as_if_there_had_been_one_id(
    sqlite_template: Path, journeys: Journeys, happened: list[Happened], at: int
) -> None:
    """Wherever the link stands among the events, and in whatever order they are read."""
    expected = steps(sqlite_template, journeys, made(happened, None))

    assert steps(sqlite_template, journeys, made(happened, at)) == expected
