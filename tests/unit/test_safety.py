"""Writer schemas that could exhaust memory or the stack are recognised by looking at them."""

from typing import Any

import pytest

from schemas.safety import danger


def _record(name: str, **types: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": one} for key, one in types.items()]}


def _array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _doubling(levels: int, leaf: Any) -> dict[str, Any]:
    """A record of 2**levels leaves in `levels` definitions."""
    schema = _record("R0", a=leaf)
    for level in range(1, levels + 1):
        schema = _record(f"R{level}", a=schema, b=f"R{level - 1}")
    return schema


SAFE: dict[str, Any] = {
    "a primitive": "string",
    "a nullable array": ["null", _array("string")],
    "an array of nullables": _array(["null", "string"]),  # the branch's index is a byte
    "an array of arrays": _array(_array("int")),
    "an array of enums": _array({"type": "enum", "name": "E", "symbols": ["A"]}),
    "a record with a null field": _record("R", a="null", b="int"),
    "an array of records that take bytes": _array(_record("R", a="null", b="int")),
    "a type named twice": _record("R", a=_record("S", x="int"), b="S", c=_array("S")),
    "a namespace": {**_record("R", a=_record("S", x="int"), b="n.S"), "namespace": "n"},
    "many doublings that take bytes": _doubling(40, "int"),
}

UNSAFE: dict[str, tuple[Any, str]] = {
    "an array of null": (_array("null"), "take no bytes"),
    "a map of null": ({"type": "map", "values": "null"}, "take no bytes"),
    "an array of empty records": (_array(_record("R")), "take no bytes"),
    "an array of fixed 0": (_array({"type": "fixed", "name": "F", "size": 0}), "take no bytes"),
    "an array of records of such": (_array(_record("R", a="null", b=_record("S"))), "take no bytes"),
    "an array by name": (_record("R", a=_record("S"), b=_array("S")), "take no bytes"),
    "a nested one": (_record("R", a=["null", _array(_array("null"))]), "take no bytes"),
    "a wrapped null": (_array({"type": "null"}), "take no bytes"),
    "a record in itself": (_record("R", a=["null", "R"]), "R contains itself"),
    "a list of itself": (_record("R", a=_array("R")), "R contains itself"),
    "a loop of two": (_record("R", a=_record("S", b=["null", "R"])), "R contains itself"),
    "a loop by full name": (
        {**_record("R", a=["null", "n.R"]), "namespace": "n"},
        "n.R contains itself",
    ),
    "a loop in a dotted name": (_record("n.R", a=["null", "R"]), "n.R contains itself"),
    "a flood of nulls": (_record("R", **{f"f{i}": "null" for i in range(200)}), "that take no bytes"),
    "a doubled null": (_doubling(60, "null"), "that take no bytes"),
    "no type": ({}, "not an Avro schema"),
    "no fields": ({"type": "record", "name": "R"}, "not an Avro schema"),
    "an empty union": ([], "not an Avro schema"),
    "a number": (5, "not an Avro schema"),
}


@pytest.mark.parametrize("schema", SAFE.values(), ids=SAFE.keys())
def test_ordinary_schemas_are_safe(schema: Any) -> None:
    """Whatever a producer who means well writes."""
    assert danger(schema) is None


@pytest.mark.parametrize(("schema", "why"), UNSAFE.values(), ids=UNSAFE.keys())
def test_dangerous_schemas_say_why(schema: Any, why: str) -> None:
    """The reason is in words, for the dead letter."""
    assert why in (danger(schema) or "")


def test_endless_nesting_is_refused_not_a_crash() -> None:
    """A schema deeper than the stack."""
    schema: Any = "int"
    for _ in range(100_000):
        schema = [schema]

    assert danger(schema) == "it is nested too deeply"
