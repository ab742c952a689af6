"""Times as operators write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from workers.moments import moment

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-01-30T09:00:00Z", datetime(2026, 1, 30, 9, tzinfo=UTC)),
        ("2026-01-30T09:00:00+01:00", datetime(2026, 1, 30, 9, tzinfo=timezone(timedelta(hours=1)))),
        ("2026-01-30", datetime(2026, 1, 30, tzinfo=UTC)),
    ],
)
def test_times_and_ages(text: str, expected: datetime) -> None:
    """A time without a zone is UTC."""
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2", "h", "-2h", "2026-13-01"])
def test_what_is_neither(text: str) -> None:
    """Said with an example of each."""
    with pytest.raises(ValueError, match=r"2026-01-31T08:00:00Z.*30m"):
        moment(text, NOW)
