"""Journeys against a model: whatever the order of arrival, the batches, owners, zombies and crashes, the same steps.

The model looks at all events at once, by when they happened. The worker sees them in two topics, each in its own
order, mixed anyhow; timers fire after all of it, and in pieces.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import FencedError
from common.store.database import Database
from common.store.partitions import Holding
from common.store.values import Outgoing
from tests.support.clock import ManualClock
from tests.support.journeys import written
from tests.support.store import START_US, Events, applier, new_store
from workers.journeys.applier import Applier
from workers.journeys.incoming import Incoming
from workers.journeys.interpreter import TOPIC, Journeys

STEP, FOR = 200, 200  # in minutes, as all times of the model
MINUTE_US = 60 * 1_000_000

TEXT = """
- name: ignore
  kind: wait
  by: [document_id]
  start: &start {on: comms.communication.v1, when: {type: [DELIVERED]}}
  stop: &stop
    - {on: comms.communication.v1, when: {type: [RESPONDED]}}
    - {on: comms.engagement.v1, when: {type: [FORM_SUBMITTED]}, by: []}
  after: {step: 200m}
  keep: [document_id]
  grace: 2d
  emit: NO_RESPONSE
- {name: restart, kind: wait, by: [document_id],
   start: *start, stop: *stop, after: {step: 200m}, keep: [document_id], grace: 2d,
   again: restart, emit: NO_RESPONSE}
- {name: limit, kind: wait, by: [document_id],
   start: *start, stop: *stop, after: {step: 200m}, keep: [document_id], grace: 2d,
   again: {after: 500m}, emit: NO_RESPONSE}
- {name: date, kind: date, by: [document_id],
   start: *start, stop: *stop, date: response_due_at,
   before: {step: 200m}, keep: [document_id], grace: 2d, late: 9d, emit: EXPIRING}
- name: join
  kind: join
  all:
    sent: {open: {on: comms.communication.v1, when: {type: [DELIVERED]}, times: 2},
           close: {on: comms.communication.v1, when: {type: [RESPONDED]}}}
    case: {by: [workspace_id], open: {on: comms.engagement.v1, when: {type: [PAGE_VISITED]}},
           close: {on: comms.engagement.v1, when: {type: [SURVEY_COMPLETED]}}}
  for: 200m
  grace: 2d
  emit: AT_RISK
"""

EVENT = st.tuples(
    st.sampled_from(["start", "start", "answer", "form", "open", "close"]),
    st.integers(0, 150),
    st.sampled_from("ab"),
    st.sampled_from([900, 1000, 1000, 250]),
)
EVENTS = st.lists(EVENT, min_size=1, max_size=10, unique_by=lambda one: one[1])
STEPS = st.lists(st.sampled_from(["apply", "apply", "apply", "takeover", "zombie"]), max_size=20)
Happened = tuple[str, int, str, int]


# -- the model


def model(events: list[Happened]) -> set[tuple[str, str, int]]:
    """(journey, key, minute at which it was due) of every step."""
    found = {("join", "", at) for at in _joined(events)}
    for key in "ab":
        starts = sorted((at, date) for kind, at, about, date in events if kind == "start" and about == key)
        stops = [at for kind, at, about, _ in events if kind == "form" or (kind == "answer" and about == key)]
        alive = [at for at, _ in starts if at > max(stops, default=-1)]
        if alive:  # all starts are within one step's length, and within one limit
            found |= {("ignore", key, alive[0] + STEP), ("restart", key, alive[-1] + STEP)}
            found.add(("limit", key, alive[0] + STEP))
        if starts:
            found |= {("date", key, at) for at in _dated(starts, max(stops, default=-1))}
    return found


def _dated(starts: list[tuple[int, int]], stopped_at: int) -> Iterator[int]:
    """The newest date, unless a stop came after it was first seen, or the step was past by then."""
    date = starts[-1][1]
    first_seen = min(at for at, one in starts if one == date)
    if stopped_at < first_seen <= date - STEP:
        yield date - STEP


def _joined(events: list[Happened]) -> Iterator[int]:
    answered = max((at for kind, at, _, _ in events if kind == "answer"), default=-1)
    sent = sorted(at for kind, at, _, _ in events if kind == "start" and at > answered)
    since = []
    for key in "ab":
        closed = max((at for kind, at, about, _ in events if kind == "close" and about == key), default=-1)
        since += [at for kind, at, about, _ in events if kind == "open" and about == key and at > closed]
    if len(sent) >= 2 and since:
        yield max(sent[1], min(since)) + FOR


# -- the worker


class Partition:
    """One partition number in the store, its owner, and everybody who has been it."""

    def __init__(self, database: Database, journeys: Journeys, logs: list[Incoming]) -> None:
        self.clock = ManualClock()
        self._journeys, self._log, self._read = journeys, logs, 0
        self.worker: Applier = applier(database, self.clock, journeys)
        self.mine = self.worker.claim(0)
        self.lost: list[tuple[Holding, int]] = []
        self.emitted: list[Outgoing] = []

    def apply(self) -> None:
        """The next one or two records, and whatever else is due by now: nothing is."""
        batch = self._log[self._read : self._read + 2]
        applied = self.worker.apply(self.mine, batch)
        self.mine, self._read = applied.holding, self._read + len(batch)
        self.emitted += applied.outgoing

    def takeover(self) -> None:
        """A new owner reads on from where the store stands."""
        self.lost.append((self.mine, self._read))
        self.mine = self.worker.claim(0)

    def zombie(self) -> None:
        """Somebody who lost the partition applies what comes next for them, and fires what they think is due."""
        for holding, read in self.lost:
            with pytest.raises(FencedError):
                self.worker.apply(holding, self._log[read : read + 3])
            with pytest.raises(FencedError):
                self.fire(holding)

    def fire(self, mine: Holding) -> int:
        """What is due, two at a time."""
        due = START_US + int((self.clock.now().timestamp() - ManualClock().now().timestamp()) * 1_000_000)
        applied = self.worker.fire(mine, due, self._journeys.fire, 2, self._journeys.fire_wants)
        self.mine = applied.holding
        self.emitted += applied.outgoing
        return applied.fired

    def finish(self) -> None:
        """Everything is applied, then time passes, with an owner after the other."""
        while self._read < len(self._log):
            self.apply()
        for _ in range(18):
            self.clock.advance(3600)
            self.takeover()
            while self.fire(self.mine):
                self.zombie()


def made(happened: list[Happened], order: list[int]) -> list[Incoming]:
    """The log: each topic in the order of its offsets, which is any order; `order` mixes them."""
    events = Events()
    mixed = [one for _, one in sorted(zip(order, happened, strict=False), key=lambda pair: pair[0])]
    return [_event(events, *one) for one in mixed]


def _event(events: Events, kind: str, minute: int, key: str, date: int) -> Incoming:
    at_s, due_at = minute * 60, START_US // 1_000_000 + date * 60
    document: dict[str, Any] = {"document_id": key, "response_due_at": _moment(due_at)}
    match kind:
        case "start":
            return events.make("communication", at_s, type="DELIVERED", **document)
        case "answer":
            return events.make("communication", at_s, type="RESPONDED", document_id=key)
        case "form":
            return events.make("engagement", at_s, type="FORM_SUBMITTED")
        case "open":
            return events.make("engagement", at_s, type="PAGE_VISITED", workspace_id=key)
        case _:
            return events.make("engagement", at_s, type="SURVEY_COMPLETED", workspace_id=key)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Journeys:
    """One of each kind."""
    return Journeys(written(tmp_path_factory.mktemp("journeys"), TEXT))


@settings(max_examples=20, deadline=None)
@given(EVENTS, st.permutations(range(10)), STEPS)
def test_whoever_reads_in_whatever_order_the_same_steps_fire(
    sqlite_template: Path, journeys: Journeys, happened: list[Happened], order: list[int], actions: list[str]
) -> None:
    """Each once, at the model's time."""
    with new_store(sqlite_template) as database:
        partition = Partition(database, journeys, made(happened, order))
        for action in actions:
            getattr(partition, action)()
        partition.finish()

    emitted = [_told(one.value) for one in partition.emitted if one.topic == TOPIC and one.value]
    assert sorted(emitted) == sorted(model(happened))


def _told(value: dict[str, Any]) -> tuple[str, str, int]:
    due = int((value["due_at"].timestamp() * 1_000_000 - START_US) // MINUTE_US)
    is_by_key, journey = value["journey"] != "join", value["journey"]
    return journey, _key(value) if is_by_key else "", due


def _key(value: dict[str, Any]) -> str:
    return str(value["facts"]["document_id"])
