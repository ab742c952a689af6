"""Our Avro writer gives the bytes that fastavro gives."""

import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from common.avro_writer import compile_writer
from schemas.catalogue import catalogue
from tests.support.ingest import NOW
from workers.ingest.sources.canonical import CanonicalTranslation

EXAMPLES = sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("*/*.json"))

SHAPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "text": ("string", st.text(st.characters(exclude_categories=["Cs"]), max_size=300)),
    "count": ("long", st.integers(-(2**63), 2**63 - 1)),
    "flag": ("boolean", st.booleans()),
    "at": (
        {"type": "long", "logicalType": "timestamp-micros"},
        st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    "kind": ({"type": "enum", "name": "Kind", "symbols": ["A", "B", "C"]}, st.sampled_from("ABC")),
}
SHAPES |= {
    **{
        f"maybe_{name}": (["null", node], st.none() | values)
        for name, (node, values) in SHAPES.items()
        if name != "kind"
    },
    "maybe_kind": (["null", "n.Kind"], st.none() | st.sampled_from("ABC")),
    "list": ({"type": "array", "items": "string"}, st.lists(st.text(max_size=3), max_size=3)),
    "table": ({"type": "map", "values": "long"}, st.dictionaries(st.text(max_size=3), st.integers(-5, 5), max_size=3)),
}
SCHEMA = {
    "type": "record",
    "name": "Everything",
    "namespace": "n",
    "fields": [{"name": name, "type": node} for name, (node, _) in SHAPES.items()],
}


def by_fastavro(schema: Any, value: Any) -> bytes:
    body = BytesIO()
    schemaless_writer(body, parse_schema(schema), value)
    return body.getvalue()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_example_has_the_same_bytes(path: Path) -> None:
    """With all the schemas that there are."""
    topic = path.parent.name
    value = CanonicalTranslation(topic, "test").event(json.loads(path.read_text()), NOW).value

    assert compile_writer(catalogue().schema(topic))(b"prefix", value) == b"prefix" + by_fastavro(
        catalogue().schema(topic), value
    )


@given(value=st.fixed_dictionaries({name: values for name, (_, values) in SHAPES.items()}))
def test_any_value_has_the_same_bytes(value: dict[str, Any]) -> None:
    """Long texts, both ends of 64 bits, the whole calendar, empty lists and maps."""
    assert compile_writer(SCHEMA)(b"", value) == by_fastavro(SCHEMA, value)


@pytest.mark.parametrize("odd", ["bytes", ["string", "null"], ["null", "string", "long"]], ids=str)
def test_a_type_that_we_do_not_use_is_refused(odd: Any) -> None:
    """When the schema is compiled, not when an event is written."""
    schema = {"type": "record", "name": "Odd", "namespace": "n", "fields": [{"name": "a", "type": odd}]}

    with pytest.raises(KeyError):
        compile_writer(schema)
