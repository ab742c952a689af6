"""JSON that two parsers could read differently is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidEventError
from workers.ingest.strict_json import parse


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b'{"a": NaN}', "is not valid JSON"),
        (b'{"a": -Infinity}', "is not valid JSON"),
        (b'{"a": 1e999}', "is not valid JSON"),
        (b'{"a": "\\ud800"}', "is not valid JSON"),
        (b'{"a": 1,}', "is not valid JSON"),
        (b"\xef\xbb\xbf{}", "is not valid JSON"),
        (b'{"a": "\xff"}', "is not valid UTF-8 at byte 7"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "c: occurs twice"),
        (b'{"\\u0061": 1, "a": 2}', "a: occurs twice"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"1" * 5000, "is not valid JSON"),
    ],
)
def test_what_is_not_plain_json_is_refused_in_words(body: bytes, message: str) -> None:
    """The message says what is wrong and, where it can, where."""
    with pytest.raises(InvalidEventError, match=message):
        parse(body)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | TEXT,
        lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    )
)
def test_plain_json_is_read_as_it_was_written(value: Any) -> None:
    """Strictness costs no value that a sender may mean."""
    assert parse(json.dumps(value).encode()) == value
