"""What a reviewer must mend before the schemas may be committed: `commfleet check` and the tests ask here.

Each complaint begins with the file that it is about, relative to the folder of schemas.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastavro import parse_schema
from fastavro.schema import SchemaParseException, UnknownType

from schemas.catalogue import Catalogue, Schema, fingerprint, load, released_file
from schemas.compatibility import Mode, incompatibilities
from schemas.fields import fields
from schemas.history import HERE, History, released
from schemas.safety import danger

UNKNOWN = "UNKNOWN"
"""The symbol that stands for one that a reader does not know yet: every enum's first and default."""

ENVELOPE = (
    "event_id", "type", "source", "source_instance", "occurred_at", "ingested_at", "actor", "customer",
    "correlation_id", "caused_by", "attributes",
)  # fmt: skip
"""What every event begins with."""


def review(folder: Path = HERE, before: History | None = None, mode: Mode = Mode.BACKWARD_TRANSITIVE) -> list[str]:
    """Everything that is wrong with a folder of schemas; `before` is what was released unless given."""
    try:
        found = load(folder)
    except (OSError, KeyError, ValueError, TypeError) as error:
        return [f"the catalogue is not whole: {error}"]
    try:
        return [*_forms(found), *found.problems(), *_kept(found, folder), *compatible(found, folder, before, mode)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"the schemas cannot be walked ({type(error).__name__}: {error}): is one no Avro record?"]


def compatible(
    found: Catalogue, folder: Path = HERE, before: History | None = None, mode: Mode = Mode.BACKWARD_TRANSITIVE
) -> Iterator[str]:
    """Why the schemas may not follow those that came before; raises ConfigurationError."""
    history = released(folder) if before is None else before
    for topic, schema in found.schemas.items():
        yield from (f"{topic}.avsc: {why}" for why in incompatibilities(schema, history.get(topic, ()), mode))
    for topic in sorted(history.keys() - found.schemas.keys()):
        yield f"{topic}.avsc is gone, and records of it may still be read: bring it back"


# -- form -------------------------------------------------------------------------------------


def _forms(found: Catalogue) -> Iterator[str]:
    for topic, schema in found.schemas.items():
        whole = list(_avro(schema))
        yield from (f"{topic}.avsc: {why}" for why in whole or [*_envelope(found, schema), *_manners(schema)])
    yield from _twice(found)


def _avro(schema: Schema) -> Iterator[str]:
    """Whether it is Avro at all, with defaults that fit, and safe to read with."""
    try:
        parse_schema(schema)
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
        yield f"not an Avro schema: {error}"
        return
    if unsafe := danger(schema):
        yield unsafe


def _envelope(found: Catalogue, schema: Schema) -> Iterator[str]:
    """The same fields in front everywhere, of the same types; only the symbols of `type` differ."""
    first = next(iter(found.schemas.values()))
    expected = {field["name"]: field for field in first["fields"][: len(ENVELOPE)]}
    ours = schema["fields"][: len(ENVELOPE)]
    if tuple(field["name"] for field in ours) != ENVELOPE:
        yield f"its first fields must be {', '.join(ENVELOPE)}"
        return
    for field in ours:
        if field["name"] != "type" and field != expected[field["name"]]:
            yield f"{field['name']} is not the {field['name']} of the other events"


def _manners(schema: Schema) -> Iterator[str]:
    """Documented, open to new symbols, and what may be left out has a default."""
    yield from (
        f"{field.path} has no doc that ends with a full stop" for field in fields(schema) if field.doc[-1:] != "."
    )
    for node in named_types(schema):
        name = node["name"]
        if not node.get("doc"):
            yield f"{name} has no doc"
        if node["type"] == "enum" and (node.get("default") != UNKNOWN or node["symbols"][0] != UNKNOWN):
            yield f"the first symbol of {name} and its default must be {UNKNOWN}"
        for field in node.get("fields", ()):
            yield from (f"{name}.{field['name']} {why}" for why in _default(field))


def _default(field: Schema) -> Iterator[str]:
    match field["type"]:
        case ["null", _]:
            wanted: Any = None
        case {"type": "array"}:
            wanted = []
        case {"type": "map"}:
            wanted = {}
        case _:
            return
    if "default" not in field or field["default"] != wanted:
        yield f"may be left out, so its default must be {json.dumps(wanted)}"


def _twice(found: Catalogue) -> Iterator[str]:
    """One namespace: a Java build would overwrite one class with another."""
    owner: dict[str, tuple[str, Any]] = {}
    for topic, schema in found.schemas.items():
        for node in named_types(schema):
            other, known = owner.setdefault(node["name"], (topic, node))
            if known != node:
                yield f"{topic}.avsc: {node['name']} is another type in {other}.avsc"


def named_types(node: Any) -> list[Schema]:
    """Every named type that is written out in a schema."""
    if isinstance(node, list):
        return [found for branch in node for found in named_types(branch)]
    if not isinstance(node, dict):
        return []
    inner = [*(field["type"] for field in node.get("fields", ())), node.get("items"), node.get("values")]
    return ([node] if "name" in node else []) + named_types(inner)


# -- what was released ------------------------------------------------------------------------


def _kept(found: Catalogue, folder: Path) -> Iterator[str]:
    """Each id's schema is kept as it was, and nothing else is."""
    expected: set[Path] = set()
    for topic, versions in found.versions.items():
        for version in versions:
            path = released_file(folder, topic, version.id)
            expected.add(path)
            yield from _kept_as_it_was(path, version.fingerprint, path.relative_to(folder))
    for path in sorted((folder / "released").rglob("*")):
        if path.is_file() and path not in expected:
            yield f"{path.relative_to(folder)} belongs to no id of ids.json"


def _kept_as_it_was(path: Path, known: str, name: Path) -> Iterator[str]:
    if not path.exists():
        yield f"{name} is missing: `python -m schemas.release` writes it, or git has it"
        return
    try:
        actual = fingerprint(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        yield f"{name} is not JSON: {error}"
        return
    if actual != known:
        yield f"{name} is not the schema that was released: bring it back, records of that id are read with it"
