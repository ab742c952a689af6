"""Joined keys say exactly one thing, whatever their parts hold."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from topics.catalogue import topics

NAMES = ("kind", "channel", "purpose", "subscription_group")
PARTS = st.none() | st.text(alphabet="a|%7C25", min_size=1, max_size=6) | st.text(min_size=1, max_size=6)
IDS = st.text(alphabet="a|%7C25", max_size=8) | st.text(max_size=8)
CONSENTS = st.tuples(IDS, PARTS, PARTS, PARTS, PARTS)


def _value(parts: tuple[Any, ...]) -> dict[str, Any]:
    return {"customer": {"customer_id": parts[0]}, **dict(zip(NAMES, parts[1:], strict=True))}


@given(CONSENTS, CONSENTS)
def test_different_consents_have_different_keys(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Compaction keeps the latest of a key: two matters must never share one."""
    key_of = topics()["comms.consent.v1"].key_of

    assert (key_of(_value(one)) == key_of(_value(other))) == (one == other)


@given(CONSENTS)
def test_the_lane_is_the_customers(parts: tuple[Any, ...]) -> None:
    """The first part, unescaped, is the key that the customer's records carry elsewhere."""
    consent, communication = topics()["comms.consent.v1"], topics()["comms.communication.v1"]

    lane = consent.lane_of(consent.key_of(_value(parts)))

    assert lane == communication.lane_of(communication.key_of(_value(parts))) == parts[0].encode()


@given(st.binary(max_size=40))
def test_any_bytes_have_a_lane(key: bytes) -> None:
    """A key that nobody prescribed still has one lane, and never an error."""
    lane = topics()["comms.consent.v1"].lane_of(key)

    assert lane is not None
    assert len(lane) <= len(key)
