"""An event schema as JSON Schema (draft 2020-12), for teams that send JSON; pure.

It says of the JSON of an event what `common.event_json.from_json` says: the same names, no others, enums by
their symbols, times as RFC 3339 strings. What it cannot say: that a date exists, and that text is whole Unicode.
"""

from collections.abc import Mapping
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TIME = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
}
_LEAVES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "long": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
}

Node = dict[str, Any]


def json_schema(schema: Mapping[str, Any]) -> Node:
    """The JSON Schema of an event, its named types under `$defs`; personal data is marked `x-pii`.

    Raises KeyError for an Avro type that our schemas do not use.
    """
    translation = _Translation(schema["namespace"])
    event = translation.record(schema)
    return {"$schema": DIALECT, "title": schema["name"], **event, "$defs": translation.named}


class _Translation:
    """Collects the named types on the way."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self.named: dict[str, Node] = {}

    def record(self, node: Mapping[str, Any]) -> Node:
        """An object with these fields and no others; those without a default must be there."""
        properties = {field["name"]: self._field(field) for field in node["fields"]}
        required = [field["name"] for field in node["fields"] if "default" not in field]
        whole = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return _described(node, whole)

    def _field(self, field: Mapping[str, Any]) -> Node:
        marks = {"x-pii": True} if field.get("pii") else {}
        if field.get("default") is not None:
            marks["default"] = field["default"]
        return {**_described(field, self._type(field["type"])), **marks}

    def _type(self, node: Any) -> Node:
        if isinstance(node, str):
            return dict(_LEAVES[node]) if node in _LEAVES else self._known(node)
        if isinstance(node, list):
            return _nullable(self._type(next(branch for branch in node if branch != "null")))
        if node.get("logicalType") == "timestamp-micros":
            return dict(_TIME)
        match node["type"]:
            case "array":
                return {"type": "array", "items": self._type(node["items"])}
            case "map":
                return {"type": "object", "additionalProperties": self._type(node["values"])}
            case "enum":
                return self._name(node, _described(node, {"type": "string", "enum": list(node["symbols"])}))
            case "record":
                return self._name(node, self.record(node))
            case other:
                return dict(_LEAVES[other])

    def _name(self, node: Mapping[str, Any], translated: Node) -> Node:
        self.named[node["name"]] = translated
        return self._known(node["name"])

    def _known(self, name: str) -> Node:
        """A reference to a type that stands somewhere before."""
        short = name.rpartition(".")[2]
        if short not in self.named:
            raise KeyError(name)
        return {"$ref": f"#/$defs/{short}"}


def _nullable(node: Node) -> Node:
    if "$ref" in node:
        return {"anyOf": [node, {"type": "null"}]}
    return {**node, "type": [node["type"], "null"]}


def _described(node: Mapping[str, Any], translated: Node) -> Node:
    return {"description": node["doc"], **translated} if node.get("doc") else translated
