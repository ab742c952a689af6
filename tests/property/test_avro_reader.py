"""Our Avro reader gives what fastavro gives, or gives up."""

import json
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import example, given
from hypothesis import strategies as st

from common.avro_reader import GIVES_UP, compile_reader
from common.avro_writer import compile_writer
from common.codec import from_json
from schemas.catalogue import catalogue
from tests.property.test_avro_writer import EXAMPLES, SCHEMA, SHAPES

TOPICS = catalogue().topics
PARSED = {"all": parse_schema(SCHEMA)} | {
    topic: parse_schema(catalogue().schema(topic)) for topic in catalogue().topics
}
READ = {"all": compile_reader(SCHEMA)} | {
    topic: compile_reader(catalogue().schema(topic)) for topic in catalogue().topics
}
WRITE = compile_writer(SCHEMA)
VALUES = st.fixed_dictionaries({name: values for name, (_, values) in SHAPES.items()})


def by_fastavro(name: str, data: bytes) -> Any:
    """The value of all these bytes, or ValueError."""
    body = BytesIO(data)
    value = schemaless_reader(body, PARSED[name], None)
    if body.tell() != len(data):
        raise ValueError("bytes behind the value")
    return value


def agrees(name: str, data: bytes) -> None:
    """What ours reads, fastavro reads, too, and as the same value."""
    with suppress(*GIVES_UP):
        value = READ[name](data, 0)
        try:
            assert value == by_fastavro(name, data)
        except GIVES_UP as error:
            raise AssertionError(f"read as {value}") from error


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_example_is_read_without_help(path: Path) -> None:
    """With all the schemas that there are; behind a prefix, as on a topic."""
    topic = path.parent.name
    value = from_json(topic, json.loads(path.read_text()))
    payload = compile_writer(catalogue().schema(topic))(b"12345", value)

    assert READ[topic](payload, 5) == value == by_fastavro(topic, payload[5:])


@given(value=VALUES)
def test_any_value_comes_back(value: dict[str, Any]) -> None:
    """Long texts, both ends of 64 bits, the whole calendar, empty lists and maps."""
    data = WRITE(b"", value)

    assert READ["all"](data, 0) == value == by_fastavro("all", data)


@given(VALUES, st.data())
def test_damaged_bytes_are_never_read_otherwise(value: dict[str, Any], data: st.DataObject) -> None:
    """A few bytes of a real record changed, taken out or put in."""
    damaged = bytearray(WRITE(b"", value))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=9))

    agrees("all", bytes(damaged))


@given(st.sampled_from(TOPICS), st.binary(max_size=200))
@example("comms.communication.v1", b"\xff" * 200)
def test_garbage_is_never_read_otherwise(topic: str, data: bytes) -> None:
    """Bytes from anywhere."""
    agrees(topic, data)


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_shortened_record_is_not_read(path: Path, data: st.DataObject) -> None:
    """Wherever it ends."""
    topic = path.parent.name
    whole = compile_writer(catalogue().schema(topic))(b"", from_json(topic, json.loads(path.read_text())))

    with pytest.raises(GIVES_UP):
        READ[topic](whole[: data.draw(st.integers(0, len(whole) - 1))], 0)


@pytest.mark.parametrize("odd", ["bytes", ["string", "null"], ["null", "string", "long"]], ids=str)
def test_a_type_that_we_do_not_use_is_refused(odd: Any) -> None:
    """When the schema is compiled, not when an event is read."""
    schema = {"type": "record", "name": "Odd", "namespace": "n", "fields": [{"name": "a", "type": odd}]}

    with pytest.raises(KeyError):
        compile_reader(schema)


def test_a_number_without_an_end_costs_nothing() -> None:
    """A mebibyte of bytes that say "there is more": ten of them are looked at."""
    with pytest.raises(GIVES_UP):
        one_field("long")(b"\xff" * 2**20, 0)


def one_field(node: Any) -> Any:
    """A reader of a record of one field."""
    return compile_reader({"type": "record", "name": "One", "namespace": "n", "fields": [{"name": "a", "type": node}]})


@pytest.mark.parametrize(
    "data",
    [b"\x01a", b"\x08abc", b"\x04\xff\xfe", b"\x06\xed\xa0\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"],
    ids=["a negative length", "a length behind the end", "no UTF-8", "half a surrogate", "over 64 bits"],
)
def test_a_text_that_is_none_is_not_read(data: bytes) -> None:
    """Each kind of wrong text."""
    with pytest.raises(GIVES_UP):
        one_field("string")(data, 0)


@pytest.mark.parametrize(
    "data",
    [b"\x01\x08", b"\x02\x02a\x02\x02b\x00", b"\x80\x01" + b"\x02a" * 64 + b"\x00", b"\x02\x02a"],
    ids=["a block with its size", "two blocks", "a large block", "no end"],
)
def test_an_unusual_list_is_left_to_fastavro(data: bytes) -> None:
    """What a writer may do and ours does not, or nobody may."""
    with pytest.raises(GIVES_UP):
        one_field({"type": "array", "items": "string"})(data, 0)


@pytest.mark.parametrize("index", [0, 63, 64, 69])
def test_an_enum_of_many_symbols_is_read_or_left_to_fastavro(index: int) -> None:
    """Those beyond the 64th take two bytes; nothing is read as another symbol."""
    symbols = [f"S{number}" for number in range(70)]
    kind = {"type": "enum", "name": "Kind", "symbols": symbols}
    schema = {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "kind", "type": kind}]}
    data = compile_writer(schema)(b"", {"kind": symbols[index]})

    if index < 64:
        assert compile_reader(schema)(data, 0) == {"kind": symbols[index]}
    else:
        with pytest.raises(GIVES_UP):
            compile_reader(schema)(data, 0)
