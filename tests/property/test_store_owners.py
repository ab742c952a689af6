"""Owners come and go, zombies return, transactions fail in the middle: every event counts once, and in order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from common.errors import FencedError
from common.store import shapes, tables
from common.store.database import Database
from common.store.partitions import Holding
from tests.support.store import Events, applier, new_store
from workers.consent.decide import decide
from workers.consent.report import read_report
from workers.journeys.applier import Applier
from workers.journeys.incoming import Incoming
from workers.journeys.memory import Memory

OPT = st.sampled_from(["OPTED_IN", "OPTED_OUT"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("wish"), OPT, st.integers(-5000, 5000)),
        st.tuples(st.just("score"), st.integers(0, 99), st.integers(-5000, 5000)),
        st.tuples(st.just("open"), st.just(""), st.integers(-5000, 5000)),
    ),
    min_size=1,
    max_size=14,
)
STEPS = st.lists(st.sampled_from(["apply", "apply", "takeover", "zombie", "crash"]), max_size=25)


class _CrashError(Exception):
    """Stands for a process that dies before its transaction ends."""


class _Crashes:
    """A reducer that lets the transaction fail at its end, when told to."""

    is_armed = False

    def wants(self, memory: Memory, record: Incoming) -> list[Any]:
        """Nothing."""
        return []

    def take(self, memory: Memory, record: Incoming) -> None:
        """Die, or not."""
        if self.is_armed:
            raise _CrashError

    def adopt(self, memory: Memory, substitute: str, customer_id: str) -> None:
        """Nothing."""


class Partition:
    """One partition number's log, its owner, and everybody who has been it."""

    def __init__(self, database: Database, log: list[Incoming]) -> None:
        self.crashes = _Crashes()
        self.worker: Applier = applier(database, None, self.crashes)
        self._log, self._read = log, 0
        self.mine = self.worker.claim(0)
        self.lost: list[tuple[Holding, int]] = []

    def apply(self) -> None:
        """The next one or two records; a crash applies none of them."""
        batch = self._log[self._read : self._read + 2]
        self.mine = self.worker.apply(self.mine, batch).holding
        self._read += len(batch)

    def crash(self) -> None:
        """The process dies in a transaction and comes back as its own successor."""
        self.crashes.is_armed = True
        try:
            self.apply()
        except _CrashError:
            pass
        finally:
            self.crashes.is_armed = False
        self.takeover()

    def takeover(self) -> None:
        """A new owner reads on from where the store stands."""
        self.lost.append((self.mine, self._read))
        self.mine = self.worker.claim(0)
        done = self.mine.offsets
        self._read = sum(record.offset < done.get(record.topic, 0) for record in self._log)

    def zombie(self) -> None:
        """Somebody who lost the partition applies what comes next for them."""
        for holding, read in self.lost:
            with pytest.raises(FencedError):
                self.worker.apply(holding, self._log[read : read + 3])

    def finish(self) -> None:
        """Everything is applied in the end."""
        while self._read < len(self._log):
            self.apply()


def made(kinds: list[tuple[str, Any, int]]) -> list[Incoming]:
    """The log of one customer's partition."""
    events = Events()
    make: dict[str, Callable[[Any, int], Incoming]] = {
        "wish": lambda state, at: events.wish(state, at, source="upstream"),  # nobody writes there: none is an echo
        "score": lambda score, at: events.make("profile", at, type="CHANGED", lead_score=score),
        "open": lambda _, at: events.make("engagement", at, type="EMAIL_OPENED"),
    }
    return [make[kind](what, at) for kind, what, at in kinds]


@settings(max_examples=40)
@given(EVENTS, STEPS)
def test_whoever_owns_it_every_event_counts_once(
    sqlite_template: Path, kinds: list[tuple[str, Any, int]], steps: list[str]
) -> None:
    """Facts, decision and timeline are those of a run without faults; a zombie changes nothing."""
    log = made(kinds)
    with new_store(sqlite_template) as database:
        partition = Partition(database, log)
        for step in steps:
            getattr(partition, step)()
        partition.finish()

        assert_like_the_model(database, log)


def assert_like_the_model(database: Database, log: list[Incoming]) -> None:
    """Against what follows from the log alone."""
    values = [record.value for record in log if record.value]
    with database.reading() as connection:
        decisions = list(shapes.DECISIONS.select(connection, tables.decision.c.customer_id == "C-1"))
        profile = shapes.PROFILES.by_keys(connection, [("C-1",)])["C-1",]
        lines = connection.execute(text("SELECT COUNT(*) FROM timeline")).scalar_one()
    wishes = [read_report(value).about("c:C-1") for value in values if "evidence" in value]
    held = decide(wishes)
    assert [(one.state, one.effective_at) for one in decisions] == ([(held.state, held.effective_at)] if held else [])
    scores = [value for value in values if value.get("lead_score") is not None]
    newest = max(range(len(scores)), key=lambda index: (scores[index]["occurred_at"], index), default=None)
    assert profile.facts.get("lead_score") == (None if newest is None else scores[newest]["lead_score"])
    assert lines == sum("asset" in value for value in values)
