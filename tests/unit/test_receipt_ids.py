"""A receipt's id is a UUIDv5, made without the library's detour."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from workers.sinks.receipts import NAMESPACE, uuid5_text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_id_is_the_librarys(name: str) -> None:
    """Whatever a delivery is called."""
    assert uuid5_text(name) == str(uuid.uuid5(NAMESPACE, name))
