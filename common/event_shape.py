"""An event schema compiled to a closure that converts a value and says what is wrong, field by field.

What a timestamp looks like on the way in and out is the caller's: everything else is the same for JSON
and for values. A value passes complete with its defaults; nothing is coerced silently.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

Convert = Callable[[Any], Any]
Errors = list[tuple[str, str]]

_ABSENT: Any = object()
_LONG = range(-(2**63), 2**63)


class WrongError(Exception):
    """What is wrong with a value, and with each thing inside it: (dotted path, message) pairs."""

    def __init__(self, message: str = "", inside: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.errors: Errors = [("", message)] if message else list(inside)


def compile_schema(schema: Mapping[str, Any], timestamp: Convert) -> Convert:
    """The converter of one of our schemas; it raises WrongError.

    Raises KeyError for an Avro type that our schemas do not use.
    """
    return _Compiler(schema["namespace"], timestamp).compile(schema)


class _Compiler:
    """Compiles a named type where it is written out, and finds it again by its name."""

    def __init__(self, namespace: str, timestamp: Convert) -> None:
        self._namespace = namespace
        self._timestamp = timestamp
        self._named: dict[str, Convert] = {}

    def compile(self, node: Any) -> Convert:
        """The converter of one type."""
        if isinstance(node, str):
            return self._named.get(node) or _LEAVES[node]
        if isinstance(node, list):
            return _nullable(self.compile(next(branch for branch in node if branch != "null")))
        if node.get("logicalType") == "timestamp-micros":
            return self._timestamp
        match node["type"]:
            case "array":
                return _array(self.compile(node["items"]))
            case "map":
                return _map(self.compile(node["values"]))
            case "enum":
                return self._name(node, _enum(node["symbols"]))
            case "record":
                return self._name(node, self._record(node))
            case other:
                return _LEAVES[other]

    def _name(self, node: Mapping[str, Any], convert: Convert) -> Convert:
        self._named[f"{node.get('namespace', self._namespace)}.{node['name']}"] = convert
        return convert

    def _record(self, node: Mapping[str, Any]) -> Convert:
        converts = {field["name"]: self.compile(field["type"]) for field in node["fields"]}
        defaults = {field["name"]: field["default"] for field in node["fields"] if "default" in field}
        return _record(converts, defaults)


def _record(converts: Mapping[str, Convert], defaults: Mapping[str, Any]) -> Convert:
    fields = tuple((name, each, defaults.get(name, _ABSENT)) for name, each in converts.items())

    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise WrongError(f"must be an object, not {_called(value)}")
        converted: dict[str, Any] = {}
        errors: Errors = []
        known = 0
        for name, convert_field, default in fields:
            try:
                given = value.get(name, _ABSENT)
                if given is not _ABSENT:
                    known += 1
                    converted[name] = convert_field(given)
                elif default is not _ABSENT:
                    converted[name] = default if default is None else _fresh(default)
                else:
                    errors.append((name, "is missing"))
            except WrongError as wrong:
                errors.extend(_under(name, wrong))
        if errors or known != len(value):
            unknown = ((name, "is not a field here") for name in value if name not in converts)
            raise WrongError(inside=[*errors, *((str(name), message) for name, message in unknown)])
        return converted

    return convert


def _under(name: str, wrong: WrongError) -> Errors:
    return [(f"{name}.{path}" if path else name, message) for path, message in wrong.errors]


def _fresh(default: Any) -> Any:
    return default.copy() if isinstance(default, dict | list) else default


def _nullable(convert: Convert) -> Convert:
    if convert is _string:  # most fields: one call instead of two
        return lambda value: value if value is None or (type(value) is str and value.isascii()) else _string(value)
    return lambda value: None if value is None else convert(value)


def _array(convert: Convert) -> Convert:
    def convert_items(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise WrongError(f"must be a list, not {_called(value)}")
        return _each(enumerate(value), convert)

    return convert_items


def _each(items: Iterable[tuple[Any, Any]], convert: Convert) -> list[Any]:
    converted: list[Any] = []
    errors: Errors = []
    for name, item in items:
        try:
            converted.append(convert(item))
        except WrongError as wrong:
            errors.extend(_under(str(name), wrong))
    if errors:
        raise WrongError(inside=errors)
    return converted


def _map(convert: Convert) -> Convert:
    def convert_values(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise WrongError(f"must be an object, not {_called(value)}")
        keys = [_string(key) for key in value]
        return dict(zip(keys, _each(value.items(), convert), strict=True))

    return convert_values


def _enum(symbols: Iterable[str]) -> Convert:
    known = {symbol: symbol for symbol in symbols}

    def convert(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise WrongError(f"must be one of {', '.join(known)}")
        return known[value]

    return convert


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongError(f"must be a string, not {_called(value)}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise WrongError("must be Unicode text, without lone surrogates")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongError(f"must be true or false, not {_called(value)}")
    return value


def _long(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one kind of number: 80.0 is 80
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongError(f"must be a whole number, not {_called(value)}")
    if value not in _LONG:
        raise WrongError("must fit into 64 bits")
    return value


_LEAVES: dict[str, Convert] = {"string": _string, "boolean": _boolean, "long": _long}

_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a string"),
    (datetime, "a time"),
    (Mapping, "an object"),
    ((list, tuple), "a list"),
)


def _called(value: Any) -> str:
    """What kind of thing a value is, in JSON's words; never the value, which may be personal data."""
    if value is None:
        return "null"
    return next((name for kind, name in _NAMES if isinstance(value, kind)), f"a {type(value).__name__}")
