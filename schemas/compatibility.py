"""Whether a schema may follow the ones before it: Confluent's modes, judged by Apache Avro's own checker.

The verdict is Avro's (specification, "Schema Resolution"); where it says no, the fields that are at fault
are looked for one by one, because its own locations end at the first union. One rule is added: a number
whose unit changed (milliseconds to microseconds) resolves silently to wrong times, so that is refused too.
"""

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import ArraySchema, MapSchema, NamedSchema, RecordSchema, Schema, UnionSchema, parse

from schemas.catalogue import fingerprint
from schemas.safety import danger


class Mode(StrEnum):
    """Which of the schemas before must fit, and which way (Confluent, "Schema Evolution and Compatibility")."""

    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    NONE = "NONE"

    @property
    def is_transitive(self) -> bool:
        """Whether all the schemas before count, or only the last."""
        return self.endswith("_TRANSITIVE")

    @property
    def reads_earlier(self) -> bool:
        """Whether readers of the new schema must understand what was written before."""
        return self.startswith(("BACKWARD", "FULL"))

    @property
    def is_read_by_earlier(self) -> bool:
        """Whether readers of the schemas before must understand what is written from now on."""
        return self.startswith(("FORWARD", "FULL"))


@dataclass(frozen=True, slots=True)
class Past:
    """A schema that was in use before; `name` is what people call it."""

    name: str
    schema: Any


def incompatibilities(schema: Any, before: Sequence[Past], mode: Mode = Mode.BACKWARD_TRANSITIVE) -> list[str]:
    """Why `schema` may not follow those `before`, oldest first; empty when it may.

    Schemas at the end of `before` that are this very one are not counted: it may always follow itself.
    """
    if mode is Mode.NONE:
        return []
    others = _without_itself(schema, before)
    return [
        complaint
        for past in (others if mode.is_transitive else others[-1:])
        for complaint in _between(schema, past, mode)
    ]


def _without_itself(schema: Any, before: Sequence[Past]) -> list[Past]:
    others, ours = list(before), fingerprint(schema)
    while others and fingerprint(others[-1].schema) == ours:
        others.pop()
    return others


def _between(schema: Any, past: Past, mode: Mode) -> Iterator[str]:
    try:
        new, old = _parsed(schema, "it"), _parsed(past.schema, past.name)
    except ValueError as error:
        yield str(error)
        return
    if mode.reads_earlier:
        yield from (f"it cannot read {past.name}: {why}" for why in _complaints(new, old))
    if mode.is_read_by_earlier:
        yield from (f"{past.name} cannot read it: {why}" for why in _complaints(old, new))


def _parsed(schema: Any, name: str) -> Schema:
    if unsafe := danger(schema):
        raise ValueError(f"{name} is no schema to compare with: {unsafe}")
    try:
        return _parse(json.dumps(schema))
    except AvroException as error:
        raise ValueError(f"{name} is not an Avro schema: {error}") from error


@lru_cache(maxsize=64)
def _parse(text: str) -> Schema:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of logical types that Avro's Python does not know: somebody else's
        return parse(text)


def _complaints(reader: Schema, writer: Schema) -> list[str]:
    units = [f"{path or 'it'}: {why}" for path, why in _units(reader, writer)]
    if _fits(reader, writer):
        return units
    return [f"{path}: {why}" if path else why for path, why in _reasons(reader, writer, "")] + units


def _fits(reader: Schema, writer: Schema) -> bool:
    return _check(reader, writer).compatibility is SchemaCompatibilityType.compatible


def _check(reader: Schema, writer: Schema) -> Any:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    return checker.get_compatibility(reader, writer)


def _reasons(reader: Schema, writer: Schema, path: str) -> Iterator[tuple[str, str]]:
    """The innermost places at which Avro says no, with its words."""
    found = False
    if isinstance(reader, RecordSchema) and isinstance(writer, RecordSchema):
        for name in _without_default(reader, writer):
            found = True
            yield _step(path, name), "is new and has no default"
    for ours, theirs, below in _parts(reader, writer, path):
        if not _fits(ours, theirs):
            found = True
            yield from _reasons(ours, theirs, below)
    if not found:
        yield path, "; ".join(sorted(_check(reader, writer).messages))


def _without_default(reader: RecordSchema, writer: RecordSchema) -> Iterator[str]:
    known = set(writer.fields_dict)
    for field in reader.fields:
        aliases = field.props.get("aliases")
        names = {field.name, *(aliases if isinstance(aliases, list) else ())}
        if not field.has_default and not names & known:
            yield field.name


def _units(reader: Schema, writer: Schema, path: str = "") -> Iterator[tuple[str, str]]:
    ours, theirs = reader.props.get("logicalType"), writer.props.get("logicalType")
    if ours != theirs and reader.type == writer.type:
        yield path, f"its unit changed, {theirs or 'none'} is read as {ours or 'none'}"
    for mine, other, below in _parts(reader, writer, path):
        yield from _units(mine, other, below)


def _parts(reader: Schema, writer: Schema, path: str) -> Iterator[tuple[Schema, Schema, str]]:
    """The parts of a reader's type that read parts of a writer's, each with its dotted path."""
    match reader, writer:
        case RecordSchema(), RecordSchema():
            for name, field in reader.fields_dict.items():
                if name in writer.fields_dict:
                    yield field.type, writer.fields_dict[name].type, _step(path, name)
        case ArraySchema(), ArraySchema():
            yield reader.items, writer.items, path
        case MapSchema(), MapSchema():
            yield reader.values, writer.values, path
        case (UnionSchema(), _) | (_, UnionSchema()):
            ours = {_name(branch): branch for branch in _branches(reader)}
            for theirs in _branches(writer):
                if _name(theirs) in ours:
                    yield ours[_name(theirs)], theirs, path


def _branches(schema: Schema) -> Sequence[Schema]:
    return schema.schemas if isinstance(schema, UnionSchema) else [schema]


def _name(schema: Schema) -> str:
    return str(schema.name) if isinstance(schema, NamedSchema) else str(schema.type)


def _step(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
