"""Duplicates: the first occurrence in the log wins, in whatever order it became known, within a window."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.event import PartitionId, Position
from tests.support.clock import ManualClock
from workers.sinks.duplicates import Duplicates, DuplicateWindow, Occurrence, digest_of
from workers.sinks.id_table import IdTable

TOPIC, OTHER = "comms.workspace.v1", "comms.profile.v1"
CLOCK = ManualClock()
NOW = int(CLOCK.now().timestamp() * 1000)
HOUR = 3_600_000


def duplicates(seconds: float = 3600.0, ids: int = 1_000_000) -> Duplicates:
    return Duplicates(DuplicateWindow(seconds, ids), CLOCK)


def at(offset: int, topic: str = TOPIC, partition: int = 0) -> Position:
    return Position(topic, partition, offset)


@given(st.lists(st.integers(0, 20), max_size=120), st.data())
def test_the_first_of_a_log_wins_however_it_became_known(ids: list[int], data: st.DataObject) -> None:
    """Live records while a rebuild finds older ones: in the end each copy points at the record that stands first."""
    it = duplicates()
    for offset in data.draw(st.permutations(range(len(ids)))):
        it.seen(f"e{ids[offset]}", at(offset), NOW)
    for offset, number in enumerate(ids):
        first = ids.index(number)
        assert it.seen(f"e{number}", at(offset), NOW) == (None if first == offset else at(first))
    assert len(it) == len(set(ids))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=150))
def test_the_window_is_kept_in_the_logs_own_time(entries: list[tuple[int, int]]) -> None:
    """As a plain list of occurrences would tell it: a copy within an hour of the newest record is one."""
    it, newest = duplicates(), 0
    known: dict[int, tuple[int, int]] = {}
    for offset, (number, minutes) in enumerate(entries):
        stamp = NOW - 40 * HOUR + offset * 600_000 + minutes * 60_000
        newest = max(newest, stamp // 1000)
        first = known.get(number)
        is_copy = first is not None and first[1] // 1000 >= newest - 3600
        expected = at(first[0]) if first and is_copy else None
        assert it.seen(f"e{number}", at(offset), stamp) == expected
        if not is_copy:
            known[number] = (offset, stamp)


@given(st.lists(st.integers(0, 60), max_size=300), st.integers(1, 20))
def test_a_table_is_a_dict_whose_oldest_may_leave(ids: list[int], at_most: int) -> None:
    """What was added and has not left is found where it stands; nothing else is."""
    table, model = IdTable(), dict[bytes, int]()
    for where, number in enumerate(ids):
        digest = digest_of(str(number))
        found = table.find(digest)
        assert (table.where[found] if found >= 0 else None) == model.get(digest)
        if found < 0:
            table.append(digest, where, where)
            model[digest] = where
        if len(table) > at_most:
            table.drop_oldest(2)
            model = dict(list(model.items())[2:])
    assert len(table) == len(model)
    assert all(table.where[table.find(digest)] == where for digest, where in model.items())


def test_the_same_record_is_no_duplicate_of_itself() -> None:
    """Redriven, parked and back, or read again after a takeover: the position tells."""
    it = duplicates()
    assert it.seen("e1", at(5), NOW) is None
    assert it.seen("e1", at(5), NOW) is None
    assert it.seen("e1", at(9), NOW) == at(5)
    assert it.seen("e1", at(9), NOW) == at(5)


def test_copies_on_another_topic_are_recognised() -> None:
    """Between topics there is no order: the earlier in time is first."""
    it = duplicates()
    it.seen("e1", at(5), NOW)
    assert it.seen("e1", at(1, OTHER), NOW) == at(5)
    assert it.seen("e2", at(6), NOW) is None
    assert it.seen("e2", at(2, OTHER), NOW - 2000) is None
    assert it.seen("e2", at(6), NOW) == at(2, OTHER)


def test_a_topic_that_lags_keeps_its_own_window() -> None:
    """A backlog of three hours on one topic is not forgotten because another topic is read to its end."""
    it = duplicates()
    assert it.seen("e1", at(1), NOW - 3 * HOUR) is None
    it.seen("e2", at(1, OTHER), NOW)
    assert it.seen("e1", at(2), NOW - 3 * HOUR + 1000) == at(1)


def test_a_record_from_the_future_does_not_end_the_window() -> None:
    """A producer whose clock is a year ahead moves the window to now, not further."""
    it = duplicates()
    it.seen("e1", at(1), NOW)
    it.seen("e2", at(2), NOW + int(timedelta(days=365).total_seconds() * 1000))
    assert it.seen("e1", at(3), NOW) == at(1)


def test_a_partition_that_is_lost_is_forgotten() -> None:
    """Its next owner remembers it."""
    it = duplicates()
    it.seen("e1", at(1), NOW)
    it.seen("e1", at(1, partition=1), NOW)
    it.drop(0)
    it.drop(7)
    assert len(it) == 1
    assert it.seen("e1", at(2), NOW) is None


def test_what_a_rebuild_finds_is_known() -> None:
    """Records before the start, and with them the copies that were read meanwhile."""
    it = duplicates()
    assert it.seen("e1", at(50), NOW) is None
    it.remember_all([Occurrence(digest_of("e1"), PartitionId(TOPIC, 0), 5, NOW - 1000)])
    assert it.seen("e1", at(50), NOW) == at(5)


@pytest.mark.parametrize("partitions", [1, 12])
def test_memory_is_bounded_and_small(partitions: int) -> None:
    """At most so many ids, the oldest leave, and an id takes at most 60 bytes."""
    it = duplicates(ids=30_000)
    for offset in range(60_000):
        it.seen(f"e{offset}", at(offset, partition=offset % partitions), NOW + offset)
    assert 25_000 <= len(it) <= 30_000
    assert it.size <= 60 * len(it)
    assert it.seen("e59999", at(70_000, partition=59_999 % partitions), NOW) == at(
        59_999, partition=59_999 % partitions
    )
