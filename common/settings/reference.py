"""The settings as a page of documentation, made from the models."""

from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.settings.shape import ANY_NAME, OpenSection, Path, Setting, is_secret, variable, walk

_HEAD = "| setting | value | default | meaning |\n|---|---|---|---|"


def reference(model: type[BaseModel]) -> str:
    """A table for each section; a section that may be one of several has one for each of them."""
    sections: dict[tuple[Path, type[BaseModel]], dict[Path, Setting]] = {}
    for setting in walk(model):
        sections.setdefault((setting.path[:-1], setting.owner), {})[setting.path] = setting
    return "\n\n".join(
        "\n".join([_title(path), "", *_about(owner, path), _HEAD, *map(_line, settings.values())])
        for (path, owner), settings in sections.items()
    )


def _title(path: Path) -> str:
    return f"## `{'.'.join(path)}`" if path else "## At the top"


def _about(owner: type[BaseModel], path: Path) -> list[str]:
    return [" ".join(owner.__doc__.split()) + "\n"] if path and owner.__doc__ else []


def _line(setting: Setting) -> str:
    cells = (_name(setting), _kind(setting), _default(setting), _meaning(setting))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _name(setting: Setting) -> str:
    name = variable(setting.path).replace(ANY_NAME.upper(), "‹NAME›")
    secret = "<br>or `…_FILE`" if is_secret(setting.annotation) else ""
    return f"`{'.'.join(setting.path)}`<br>`{name}`{secret}"


def _kind(setting: Setting) -> str:
    if is_secret(setting.annotation):
        return "secret"
    schema = TypeAdapter(setting.annotation).json_schema()
    return _of_schema(schema, schema.get("$defs", {}))


def _of_schema(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _of_schema(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        kinds = dict.fromkeys(_of_schema(part, definitions) for part in schema["anyOf"])
        return " or ".join(kind for kind in kinds if kind != "null")
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "items" in schema:
        return f"list of {_of_schema(schema['items'], definitions)}"
    return f"{_TYPES.get(schema.get('type', ''), schema.get('type', 'any value'))}{_bounds(schema)}"


_TYPES = {"object": "map", "boolean": "true or false", "string": "text", "integer": "whole number"}
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "`{}`",
    "format": "{}",
}


def _bounds(schema: dict[str, Any]) -> str:
    found = [text.format(schema[name]) for name, text in _BOUNDS.items() if name in schema]
    return f", {', '.join(found)}" if found else ""


def _default(setting: Setting) -> str:
    if issubclass(setting.owner, OpenSection):
        return f"`{setting.owner.defaults()[setting.path[-1]]}`"
    if setting.field.is_required():
        return "**required**"
    value = _default_value(setting.field)
    return "" if value in (None, "", (), [], {}, frozenset()) else f"`{_plain(value)}`"


def _default_value(field: FieldInfo) -> Any:
    """The default; of a factory only what it makes empty, for the rest is made at start-up."""
    if field.default is not PydanticUndefined:
        return field.default
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default_text" in extra:
        return extra["default_text"]
    return field.get_default(call_default_factory=True, validated_data={})


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=_listed, option=orjson.OPT_NON_STR_KEYS).decode()


def _listed(value: Any) -> Any:
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)


def _meaning(setting: Setting) -> str:
    if issubclass(setting.owner, OpenSection):
        return setting.owner.meaning(setting.path[-1])
    return setting.field.description or _ONE_OF_SEVERAL.get(setting.path[-1], "")


_ONE_OF_SEVERAL = {"kind": "Makes it this one."}
"""A discriminator says nothing else."""
