"""Whatever the bytes, decoding ends in an event that fits our schema or in an error that names a Reason."""

import copy
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common.codec import Decoder, Encoder, LocalSchemas, checked, from_json, to_json
from common.errors import ReaderTooOldError, UndecodableError
from schemas.catalogue import Schema, catalogue
from tests.support.wire import KnownSchemas, framed, written

EXAMPLES = sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("*/*.json"))
TOPICS = st.sampled_from(catalogue().topics)
THEIRS = 7


@cache
def _real(path: Path) -> tuple[str, bytes]:
    """A real payload and its topic."""
    topic = path.parent.name
    value = from_json(topic, json.loads(path.read_text()))
    return topic, Encoder(LocalSchemas()).encode(topic, value)


@cache
def _newer(topic: str) -> Schema:
    """A newer writer's schema: one more type, one more field, and a nullable field that became plain."""
    schema = copy.deepcopy(catalogue().schema(topic))
    schema["fields"][1]["type"]["symbols"].append("FROM_THE_FUTURE")
    schema["fields"][3] = {"name": "source_instance", "type": "string"}
    schema["fields"].insert(5, {"name": "later", "type": ["null", {"type": "array", "items": "double"}]})
    return schema


def _any_value(node: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of one type of our schemas."""
    if isinstance(node, str):
        node = named.get(node, {"type": node})
    if isinstance(node, list):
        return st.none() | _any_value(node[1], named)
    if node.get("logicalType"):
        return st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    if "name" in node:
        named[f"commfleet.events.v1.{node['name']}"] = node
    match node["type"]:
        case "record":
            return st.fixed_dictionaries({field["name"]: _any_value(field["type"], named) for field in node["fields"]})
        case "enum":
            return st.sampled_from(node["symbols"])
        case "array":
            return st.lists(_any_value(node["items"], named), max_size=3)
        case "map":
            return st.dictionaries(st.text(max_size=5), _any_value(node["values"], named), max_size=3)
        case "string":
            return st.text(max_size=12)
        case "boolean":
            return st.booleans()
        case "long":
            return st.integers(-(2**63), 2**63 - 1)
        case other:
            raise AssertionError(other)


@st.composite
def _events(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A topic and any event of it."""
    topic = draw(TOPICS)
    return topic, draw(_any_value(catalogue().schema(topic), {}))


@st.composite
def _damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real payload with some bytes behind the schema id changed, taken out or put in."""
    topic, payload = _real(draw(st.sampled_from(EXAMPLES)))
    damaged = bytearray(payload)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(5, max(5, len(damaged) - 1)))
        end = start + draw(st.integers(0, 3))
        damaged[start:end] = draw(st.binary(max_size=9))
    return topic, bytes(damaged)


def _fits_or_is_named(decoder: Decoder, topic: str, payload: bytes) -> None:
    """The only two ends there are."""
    try:
        value = decoder.decode(topic, payload)
    except (UndecodableError, ReaderTooOldError):
        return
    assert checked(topic, value) == value


@given(_events())
def test_every_event_comes_back_whole(event: tuple[str, dict[str, Any]]) -> None:
    """Encode, decode: the same; to JSON, as text, and back: the same."""
    topic, value = event

    assert Decoder(LocalSchemas()).decode(topic, Encoder(LocalSchemas()).encode(topic, value)) == value
    assert from_json(topic, json.loads(json.dumps(to_json(topic, value)))) == value


@given(_events())
def test_every_event_of_a_newer_writer_resolves(event: tuple[str, dict[str, Any]]) -> None:
    """Resolution loses nothing that we know."""
    topic, value = event
    wire = {**value, "source_instance": value["source_instance"] or "", "later": None}
    schema = _newer(topic)

    read = Decoder(KnownSchemas({THEIRS: schema})).decode(topic, written(schema, wire, THEIRS))

    assert read == {**value, "source_instance": value["source_instance"] or ""}


@given(TOPICS, st.binary(max_size=200))
def test_garbage_ends_in_a_reason(topic: str, payload: bytes) -> None:
    """Bytes from anywhere."""
    _fits_or_is_named(Decoder(LocalSchemas()), topic, payload)


@given(TOPICS, st.binary(max_size=200))
def test_garbage_behind_our_own_id_ends_in_a_reason(topic: str, body: bytes) -> None:
    """Bytes that claim to be ours."""
    _fits_or_is_named(Decoder(LocalSchemas()), topic, framed(catalogue().id_of(topic), body))


@given(TOPICS, st.binary(max_size=200))
def test_garbage_of_another_writer_ends_in_a_reason(topic: str, body: bytes) -> None:
    """Bytes that claim to be a newer writer's: resolution is as tight."""
    _fits_or_is_named(Decoder(KnownSchemas({THEIRS: _newer(topic)})), topic, framed(THEIRS, body))


@given(_damaged())
def test_a_damaged_record_ends_in_a_reason(damaged: tuple[str, bytes]) -> None:
    """Real records with a few bytes wrong: the hard kind of garbage."""
    topic, payload = damaged

    _fits_or_is_named(Decoder(LocalSchemas()), topic, payload)


@given(_damaged())
def test_a_damaged_record_of_another_writer_ends_in_a_reason(damaged: tuple[str, bytes]) -> None:
    """The same, read with a newer writer's schema."""
    topic, payload = damaged

    _fits_or_is_named(Decoder(KnownSchemas({THEIRS: _newer(topic)})), topic, framed(THEIRS, payload[5:]))
