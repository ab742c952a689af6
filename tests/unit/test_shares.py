"""Whole parts of what a fleet shares, and where a vendor's windows begin."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from common.errors import ConfigurationError
from workers.sinks.api import Limit, WindowKind
from workers.sinks.periods import begin_of, end_of
from workers.sinks.shares import most_workers, part_of, split_whole


@pytest.mark.parametrize(("things", "partitions"), [(3, 12), (5, 12), (12, 12), (50, 12), (7, 30)])
def test_parts_add_up_and_everybody_gets_one(things: int, partitions: int) -> None:
    """As many workers as the check allows, ranges of neighbours, each with at least one."""
    workers = most_workers(things, partitions)
    cuts = [index * partitions // workers for index in range(workers + 1)]
    parts = [part_of(things, partitions, range(low, high)) for low, high in pairwise(cuts)]
    assert sum(parts) == things
    assert min(parts) >= 1


def test_one_worker_more_than_the_check_allows_may_get_nothing() -> None:
    """Three things on twelve partitions lie on 0, 4 and 8: of four workers the last one has 9 to 11."""
    assert most_workers(3, 12) == 3
    assert [part_of(3, 12, range(first, first + 3)) for first in (0, 3, 6, 9)] == [1, 1, 1, 0]


def test_groups_split_whole_things() -> None:
    """By weight, at least one each, nothing lost to rounding."""
    assert split_whole(8, {"main": 0.8, "consent": 0.2}) == {"main": 6, "consent": 2}
    assert split_whole(2, {"main": 0.9, "consent": 0.1}) == {"main": 1, "consent": 1}
    with pytest.raises(ConfigurationError, match="cannot be split"):
        split_whole(1, {"main": 1.0, "consent": 1.0})


@pytest.mark.parametrize(
    ("moment", "begin", "hours"),
    [
        ("2026-03-29T12:00", "2026-03-28T23:00", 23),
        ("2026-10-25T23:30", "2026-10-25T23:00", 24),
        ("2026-10-25T12:00", "2026-10-24T22:00", 25),
    ],
)
def test_days_are_those_of_their_zone(moment: str, begin: str, hours: int) -> None:
    """23 and 25 hours long where Berlin's clocks change."""
    berlin = Limit(1, 86_400.0, WindowKind.DAY, "Europe/Berlin")
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert begin_of(berlin, at) == datetime.fromisoformat(begin).replace(tzinfo=UTC)
    assert (end_of(berlin, at) - begin_of(berlin, at)).total_seconds() == hours * 3600


def test_a_day_begins_when_clocks_skip_midnight() -> None:
    """Cairo's clocks go from 24:00 to 01:00 in spring: that moment is the day's first."""
    cairo = Limit(1, 86_400.0, WindowKind.DAY, "Africa/Cairo")
    at = datetime(2026, 4, 24, 9, tzinfo=UTC)
    assert begin_of(cairo, at) == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_aligned_windows_begin_at_multiples_of_their_length() -> None:
    """An hour's at the full hour."""
    hour = Limit(1, 3600.0, WindowKind.ALIGNED)
    at = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
    assert begin_of(hour, at) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert end_of(hour, at) == datetime(2026, 3, 1, 13, tzinfo=UTC)
