"""A fleet of journey workers against a model of consent and of each kind of journey.

Events of several customers arrive late and out of order across topics; workers stop for hours, come back, are moved,
die before or after a transaction of Kafka, and go on as zombies. The model looks at the set of events that had been
appended at each moment at which the fleet had come to rest.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.codec import Encoder, LocalSchemas, from_json
from common.partitioner import partition_of
from common.store import shapes, tables
from common.store.database import Database
from tests.support.clock import ManualClock
from tests.support.journey_fleet import PARTITIONS, Fleet
from tests.support.journeys import written
from tests.support.store import new_store
from workers.journeys.interpreter import TOPIC, Journeys

START = ManualClock().now()
STEP, FOR, LATE, SKEW = 200, 150, 300, 5  # in minutes, as all times of the model
CUSTOMERS = ("C-1", "C-2", "C-4")

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
  late: 300m
  grace: 9d
  emit: NO_RESPONSE
- {name: restart, kind: wait, by: [document_id], start: *start, stop: *stop, after: {step: 200m}, keep: [document_id],
   late: 300m, grace: 9d, again: restart, emit: NO_RESPONSE}
- {name: date, kind: date, by: [workspace_id],
   start: {on: comms.workspace.v1, when: {type: [UPDATED]}}, stop: {on: comms.workspace.v1, when: {type: [RENEWED]}},
   date: expires_at, before: {step: 200m}, keep: [workspace_id], late: 300m, grace: 9d, emit: EXPIRING}
- name: join
  kind: join
  all:
    sent: {open: {on: comms.communication.v1, when: {type: [DELIVERED]}, times: 2},
           close: {on: comms.communication.v1, when: {type: [RESPONDED]}}}
    case: {by: [workspace_id], open: {on: comms.engagement.v1, when: {type: [PAGE_VISITED]}},
           close: {on: comms.engagement.v1, when: {type: [SURVEY_COMPLETED]}}}
  for: 150m
  late: 300m
  grace: 9d
  emit: AT_RISK
"""

KINDS = ("start", "start", "answer", "form", "open", "close", "expires", "renewed", "in", "out")
EVENT = st.tuples(
    st.just("event"), st.sampled_from(KINDS), st.integers(0, 20), st.sampled_from("ab"), st.sampled_from(CUSTOMERS)
)
PASS = st.tuples(st.sampled_from(["pass", "pass", "down"]), st.integers(1, 250))
PLAY = st.lists(st.one_of(EVENT, EVENT, PASS), min_size=3, max_size=25)
Happened = tuple[int, int, str, str, str]  # minute, number, kind, key, customer: in the order in which they count
Step = tuple[str, str, str, int]  # journey, customer, key, due minute


# -- the model


@dataclass
class Model:
    """What follows from the events of one customer, at the moments at which it is asked."""

    customer: str
    events: list[Happened] = field(default_factory=list)
    done: set[Step] = field(default_factory=set)
    done_days: set[tuple[str, int]] = field(default_factory=set)
    joined_at: int | None = None

    def rest(self, now: int) -> Iterator[Step]:
        """The steps that are published by now, the late ones left out."""
        for step in sorted({*self._waits(), *self._dates(), *self._joins()}, key=lambda one: one[3]):
            if step[3] <= now and step not in self.done:
                self.done.add(step)
                if step[0] == "join":
                    self.joined_at = step[3]
                if now - step[3] <= LATE:
                    yield step

    def allows(self) -> bool | None:
        """Whether leave holds; None when nobody said anything."""
        said = {
            kind: max((at for at, _, one, _, _ in self.events if one == kind), default=None) for kind in ("in", "out")
        }
        if said["in"] is None or said["out"] is None:
            return None if said == {"in": None, "out": None} else said["out"] is None
        return said["in"] > said["out"] + SKEW

    def _of(self, kind: str, key: str = "") -> list[Happened]:
        return sorted(one for one in self.events if one[2] == kind and key in ("", one[3]))

    def _waits(self) -> Iterator[Step]:
        for key in "ab":
            stopped_at = max((one[0] for one in (*self._of("answer", key), *self._of("form"))), default=-1)
            alive = [one[0] for one in self._of("start", key) if one[0] > stopped_at]
            end = -1
            for at in alive:
                if at > end:
                    yield "ignore", self.customer, key, at + STEP
                    end = at + STEP
            if alive:
                yield "restart", self.customer, key, alive[-1] + STEP

    def _dates(self) -> Iterator[Step]:
        for key in "ab":
            seen = self._of("expires", key)
            if not seen:
                continue
            date = _date_of(seen[-1])
            first_at = min(one[0] for one in seen if _date_of(one) == date)
            stopped_at = max((one[0] for one in self._of("renewed", key)), default=-1)
            if stopped_at < first_at <= date - STEP:
                yield "date", self.customer, key, date - STEP

    def _joins(self) -> Iterator[Step]:
        sent = [one[0] for one in self._of("start") if one[0] > max((a[0] for a in self._of("answer")), default=-1)]
        since = []
        for key in "ab":
            closed_at = max((one[0] for one in self._of("close", key)), default=-1)
            since += [one[0] for one in self._of("open", key) if one[0] > closed_at]
        if len(sent) >= 2 and since:
            last = max(sent[1], min(since))
            if self.joined_at is None or last > self.joined_at:
                yield "join", self.customer, "", last + FOR


def _date_of(one: Happened) -> int:
    """Three dates, far apart: on days of their own."""
    return 1440 * (1 + one[1] % 3) + 720


# -- the fleet


class Play:
    """Events, time and troubles, for the fleet and for the model alike."""

    def __init__(self, database: Database, journeys: Journeys, seed: int) -> None:
        self.chance = random.Random(seed)
        self.fleet = Fleet(database, journeys, self.chance.randrange)
        self.models = {customer: Model(customer) for customer in CUSTOMERS}
        self.expected: list[Step] = []
        self.now, self._count = 30, 0
        self.fleet.clock.advance(self.now * 60)
        self.fleet.move(range(PARTITIONS), is_told=True)

    def event(self, kind: str, delay: int, key: str, customer: str) -> None:
        """It happened a while ago, and is appended now. (A date counts by when it is seen: that one is not late.)"""
        self._count += 1
        happened = (self.now - (0 if kind == "expires" else delay), self._count, kind, key, customer)
        self.models[customer].events.append(happened)
        topic, fields = _event(happened)
        at = (START + timedelta(minutes=happened[0])).isoformat()
        whole = {
            "event_id": f"00000000-0000-0000-0000-{self._count:012}",
            "source": "upstream",
            "occurred_at": at,
            "ingested_at": self.fleet.clock.now().isoformat(),
            "customer": {"customer_id": customer},
            **fields,
        }
        value = Encoder(LocalSchemas()).encode(topic, from_json(topic, whole))
        self.fleet.kafka.append(topic, customer.encode(), value)

    def let_pass(self, minutes: int, *, is_up: bool) -> None:
        """Time passes; then the fleet comes to rest, or is not there."""
        self.now += minutes
        passed_s = (self.fleet.clock.now() - START).total_seconds()
        self.fleet.clock.advance(self.now * 60 - passed_s)
        if is_up:
            self.fleet.settle(self._trouble)
            self.expected += [step for model in self.models.values() for step in model.rest(self.now)]

    def _trouble(self) -> None:
        owners = sorted(self.fleet.owners)
        match self.chance.choice(["", "", "", "abort", "die before", "die after", "move", "zombie", "split"]):
            case "":
                pass
            case "move":
                self.fleet.move(owners, is_told=True)
            case "zombie":
                self.fleet.move(owners, is_told=False)
            case "split":
                self.fleet.move(owners, is_told=True)
                self.fleet.move([self.chance.choice(owners)], is_told=False)
            case fault:
                self.fleet.owners[self.chance.choice(owners)].transactions.fault = fault


def _event(happened: Happened) -> tuple[str, dict[str, Any]]:
    at, _, kind, key, _ = happened
    document, workspace = {"document_id": key}, {"workspace_id": key}
    wish = {"type": "CHANGED", "kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING", "evidence": "EXPLICIT"}
    wish["effective_at"] = (START + timedelta(minutes=at)).isoformat()
    match kind:
        case "start":
            return "comms.communication.v1", {"type": "DELIVERED", **document}
        case "answer":
            return "comms.communication.v1", {"type": "RESPONDED", **document}
        case "form":
            return "comms.engagement.v1", {"type": "FORM_SUBMITTED"}
        case "open":
            return "comms.engagement.v1", {"type": "PAGE_VISITED", **workspace}
        case "close":
            return "comms.engagement.v1", {"type": "SURVEY_COMPLETED", **workspace}
        case "expires":
            expires_at = (START + timedelta(minutes=_date_of(happened))).isoformat()
            return "comms.workspace.v1", {"type": "UPDATED", **workspace, "expires_at": expires_at}
        case "renewed":
            return "comms.workspace.v1", {"type": "RENEWED", **workspace}
        case _:
            return "comms.preference.v1", {**wish, "state": "OPTED_IN" if kind == "in" else "OPTED_OUT"}


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Journeys:
    """One of each kind."""
    return Journeys(written(tmp_path_factory.mktemp("journeys"), TEXT))


def test_the_customers_are_on_both_partitions() -> None:
    """Else nothing would ever be split."""
    assert {partition_of(one.encode(), PARTITIONS) for one in CUSTOMERS} == set(range(PARTITIONS))


def test_an_owner_who_is_fenced_by_a_late_one_takes_over_again(sqlite_template: Path, journeys: Journeys) -> None:
    """A process that stood still before its take-over, and ended after it, stops nobody for good."""
    with new_store(sqlite_template) as database, ExitStack() as stack:
        play = Play(database, journeys, 0)
        stack.callback(play.fleet.close)
        late = play.fleet.owners[0]
        play.fleet.move(range(PARTITIONS), is_told=False)
        play.fleet.settle(lambda: None)
        late.worker.turn()
        play.fleet.zombies = []

        play.event("in", 0, "a", "C-1")
        play.fleet.settle(lambda: None)

        assert _decided(database) == {"C-1": True}


@settings(max_examples=15, deadline=None)
@given(PLAY, st.integers(0, 1_000_000))
def test_a_fleet_comes_to_what_the_model_says(
    sqlite_template: Path, journeys: Journeys, actions: list[tuple[Any, ...]], seed: int
) -> None:
    """Every step once, at its time, none that was stopped or too late; and the same decisions."""
    with new_store(sqlite_template) as database, ExitStack() as stack:
        play = Play(database, journeys, seed)
        stack.callback(play.fleet.close)
        for action, *given_ in actions:
            if action == "event":
                play.event(*given_)
            else:
                play.let_pass(given_[0], is_up=action == "pass")
        for _ in range(4):
            play.let_pass(240, is_up=True)

        assert sorted(_published(play.fleet)) == sorted(play.expected)
        assert _decided(database) == {
            customer: holds for customer, model in play.models.items() if (holds := model.allows()) is not None
        }
        assert _last_decisions(play.fleet) == _decided(database)


def _published(fleet: Fleet) -> list[Step]:
    """By their ids: what was published twice after a crash is one step, and says the same both times."""
    by_id: dict[str, Step] = {}
    for one in fleet.decoded(TOPIC):
        key = one["facts"].get("document_id", one["facts"].get("workspace_id", ""))
        due = round((one["due_at"] - START).total_seconds() / 60)
        step = (one["journey"], one["customer"]["customer_id"], "" if one["journey"] == "join" else key, due)
        assert by_id.setdefault(one["event_id"], step) == step
    return list(by_id.values())


def _decided(database: Database) -> dict[str, bool]:
    with database.reading() as connection:
        rows = shapes.DECISIONS.select(connection, tables.decision.c.customer_id != "")
        return {one.customer_id: one.state == "OPTED_IN" for one in rows}


def _last_decisions(fleet: Fleet) -> dict[str, bool]:
    """What whoever reads the topic knows in the end."""
    return {one["customer"]["customer_id"]: one["state"] == "OPTED_IN" for one in fleet.decoded("comms.consent.v1")}
