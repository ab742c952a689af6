"""The fields of an event schema by dotted path, as flows, masks and the docs name them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

Kind = Literal["string", "enum", "timestamp", "boolean", "int", "long", "double", "array", "map", "record"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event.

    `nullable` is true when it, or a record around it, may be null or absent. `symbols` are an enum's (or,
    in an array, its items'). `items` is the kind of an array's items or of a map's values. `pii` is true
    when the field, or one around it, is tagged. `has_default` is true when a producer may leave it out.
    """

    path: str
    kind: Kind
    nullable: bool
    symbols: tuple[str, ...] = ()
    pii: bool = False
    items: Kind | None = None
    has_default: bool = False
    doc: str = ""


def field(schema: Mapping[str, Any], path: str) -> Field | None:
    """The field at a dotted path; None when the schema has none there.

    A step into a map of strings (`attributes.anything`) is a nullable string.
    """
    named = _named(schema)
    found: Field | None = None
    node: Any = schema
    for step in path.split("."):
        if found is not None and found.kind == "map":
            return _value_of(found, path) if path.count(".") == found.path.count(".") + 1 else None
        declared = next((one for one in node.get("fields", ()) if one["name"] == step), None)
        if declared is None:
            return None
        found = _field(declared, found, named)
        node = _plain(declared["type"], named)[0]
    return found


def fields(schema: Mapping[str, Any]) -> Iterator[Field]:
    """Every field of a schema, a record before the fields inside it, also inside an array's items."""
    yield from _walk(schema, None, _named(schema))


def _walk(node: Mapping[str, Any], around: Field | None, named: Mapping[str, Any]) -> Iterator[Field]:
    for declared in node["fields"]:
        found = _field(declared, around, named)
        yield found
        inner = _plain(declared["type"], named)[0]
        if found.kind == "array":
            inner = _plain(inner["items"], named)[0]
        if inner["type"] == "record":
            yield from _walk(inner, found, named)


def _field(declared: Mapping[str, Any], around: Field | None, named: Mapping[str, Any]) -> Field:
    node, nullable = _plain(declared["type"], named)
    kind, inner = _kind(node), node
    if kind in ("array", "map"):
        inner = _plain(node["items" if kind == "array" else "values"], named)[0]
    return Field(
        path=f"{around.path}.{declared['name']}" if around else declared["name"],
        kind=kind,
        nullable=nullable or bool(around and around.nullable),
        symbols=tuple(inner.get("symbols", ())),
        pii=bool(declared.get("pii") or (around and around.pii)),
        items=_kind(inner) if inner is not node else None,
        has_default="default" in declared,
        doc=declared.get("doc", ""),
    )


def _value_of(a_map: Field, path: str) -> Field:
    return Field(path, a_map.items or "string", nullable=True, symbols=a_map.symbols, pii=a_map.pii)


def _plain(node: Any, named: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The type as an object, names resolved, and whether null is its other branch."""
    if isinstance(node, list):
        (branch,) = (branch for branch in node if branch != "null")
        return _plain(branch, named)[0], "null" in node
    if isinstance(node, str):
        return named.get(node, {"type": node}), False
    return node, False


def _kind(node: Mapping[str, Any]) -> Kind:
    return "timestamp" if node.get("logicalType") == "timestamp-micros" else cast(Kind, node["type"])


def _named(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Every named type that the schema writes out, by its full name."""
    found: dict[str, Any] = {}
    _collect(schema, "", found)
    return found


def _collect(node: Any, namespace: str, found: dict[str, Any]) -> None:
    if isinstance(node, list):
        for branch in node:
            _collect(branch, namespace, found)
    elif isinstance(node, dict):
        if "name" in node:
            namespace = node.get("namespace", namespace)
            found[f"{namespace}.{node['name']}"] = node
        for inner in (
            *(one["type"] for one in node.get("fields", ())),
            node.get("items"),
            node.get("values"),
        ):
            _collect(inner, namespace, found)
