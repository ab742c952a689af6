"""Retry-After in both forms."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.vendors.retry_after import http_date, wait_s

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, 1.0),
        ({"retry-after": "999999999"}, 3600.0),
        ({"retry-after": "Sun, 01 Mar 2026 10:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 09:00:30 GMT", "date": "Sun, 01 Mar 2026 09:00:00 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 10:00:30 GMT", "date": "noon"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_in_both_forms(headers: Mapping[str, str], expected: float | None) -> None:
    """Seconds or a moment, by the sender's own clock, within bounds."""
    assert wait_s(headers, NOW) == expected


@given(st.text(), st.text())
def test_any_header_is_a_wait_or_none(after: str, date: str) -> None:
    """Never an exception, never out of bounds."""
    hint = wait_s({"retry-after": after, "date": date}, NOW)

    assert hint is None or 1 <= hint <= 3600
    assert http_date(None) is None
