"""Values on their way to Braze: JSON-ready, and within the limits that Braze enforces silently.

Braze answers "success" and drops what breaks them (§7 of its vendor page), so they are refused here,
where somebody sees it. Pure.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.errors import UnusableEventError
from common.reasons import Reason
from common.rfc3339 import in_milliseconds

MAX_STRING = 255
MAX_ELEMENTS = 500
_LONGER_STRINGS = {"image_url": 1024}
_LONG_INTEGER = 2**63


def property_value(value: Any, path: str) -> Any:
    """A property of an event or of a trigger; `path` names it in the error.

    Raises UnusableEventError for what JSON or Braze cannot hold.
    """
    if type(value) is str and len(value) <= MAX_STRING:  # nearly all there is; the rest costs ten times as much
        return value
    match value:
        case datetime():
            return in_milliseconds(value)
        case Mapping():
            return {_key(key, path): property_value(below, f"{path}.{key}") for key, below in value.items()}
        case list() | tuple():
            return [property_value(item, f"{path}[{i}]") for i, item in enumerate(value)]
        case _:
            return _scalar(value, path, MAX_STRING)


def attribute_value(value: Any, name: str) -> Any:
    """An attribute of a user; null removes it.

    Raises UnusableEventError for what Braze drops, and for `inc`, which counts twice when repeated.
    """
    if type(value) is str and len(value) <= MAX_STRING:  # nearly all there is; the rest costs ten times as much
        return value
    match value:
        case datetime():
            return in_milliseconds(value)
        case Mapping() if set(value) == {"inc"}:
            raise _invalid(name, "inc counts again when a request is repeated; send the new value instead")
        case Mapping() if set(value) <= {"add", "remove"}:
            return {verb: _elements(members, f"{name}.{verb}") for verb, members in value.items()}
        case Mapping() | list() | tuple():
            return _nested(value, name)
        case _:
            return _scalar(value, name, _LONGER_STRINGS.get(name, MAX_STRING))


def _nested(value: Any, path: str) -> Any:
    """Below the top of an attribute one null or odd key makes Braze drop the whole of it."""
    match value:
        case None:
            raise _invalid(path, "Braze drops a nested attribute that holds a null")
        case datetime():
            return {"$time": in_milliseconds(value)}
        case Mapping():
            return {_nested_key(key, path): _nested(below, f"{path}.{key}") for key, below in value.items()}
        case list() | tuple():
            return _elements(value, path)
        case _:
            return _scalar(value, path, MAX_STRING)


def _elements(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _invalid(path, "must be a list")
    if len(value) > MAX_ELEMENTS:
        raise UnusableEventError(Reason.OVERSIZED, f"{path}: over {MAX_ELEMENTS} elements")
    return [_nested(item, f"{path}[{i}]") for i, item in enumerate(value)]


def _scalar(value: Any, path: str, longest: int) -> Any:
    match value:
        case None | bool():
            return value
        case str() if len(value) > longest:
            raise UnusableEventError(Reason.OVERSIZED, f"{path}: {len(value)} characters, {longest} fit")
        case float() if not math.isfinite(value):
            raise _invalid(path, "not a number that JSON has")
        case int() if not -_LONG_INTEGER <= value < _LONG_INTEGER:
            raise _invalid(path, "an integer over 64 bits")
        case str() | int() | float():
            return value
        case _:
            raise _invalid(path, f"a {type(value).__name__} cannot be sent")


def _key(key: object, path: str) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_STRING or key.startswith("$"):
        raise _invalid(path, "holds a key that is empty, longer than 255 characters or begins with $")
    return key


def _nested_key(key: object, path: str) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_STRING or any(mark in key for mark in " .$"):
        raise _invalid(path, "holds a key with a space, a dot or a $, which Braze does not take")
    return key


def _invalid(path: str, why: str) -> UnusableEventError:
    return UnusableEventError(Reason.INVALID_PARAMETER, f"{path}: {why}")
