"""Values on their way to Marketo: scalars that JSON has, within Marketo's limits. Pure."""

import math
from datetime import UTC, datetime
from typing import Any

import orjson

from common.errors import UnusableEventError
from common.reasons import Reason

MAX_TEXT = 65_535  # the longest kind of text field
_LONG_INTEGER = 2**63


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC to the second: the one form that every sample of the page shows (§0)."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def scalar(value: Any, path: str) -> Any:
    """A field's value; null clears it. `path` names it in the error.

    Raises UnusableEventError for lists, objects, and what JSON or Marketo cannot hold (§2.1).
    """
    match value:
        case datetime():
            return timestamp(value)
        case None | bool():
            return value
        case str() if len(value) > MAX_TEXT:
            raise UnusableEventError(Reason.OVERSIZED, f"{path}: {len(value)} characters, {MAX_TEXT} fit")
        case float() if not math.isfinite(value):
            raise invalid(path, "not a number that JSON has")
        case int() if not -_LONG_INTEGER <= value < _LONG_INTEGER:
            raise invalid(path, "an integer over 64 bits")
        case str() | int() | float():
            return value
        case _:
            raise invalid(path, f"a {type(value).__name__} cannot be sent: fields hold single values")


def text(value: Any, path: str) -> str:
    """A token's or an activity attribute's value: always text (§2.4, §2.5)."""
    match scalar(value, path):
        case None:
            return ""
        case bool() as flag:
            return "true" if flag else "false"
        case other:
            return str(other)


def email(value: Any, path: str) -> str:
    """An e-mail address: ASCII only, and lower case, so that one address is one key (§2.1)."""
    if not isinstance(value, str) or "@" not in value or not value.isascii():
        raise invalid(path, "not an e-mail address in ASCII, which is all that Marketo takes")
    return value.strip().lower()


def serialised(value: Any) -> bytes:
    """As JSON; raises UnusableEventError for text that is not Unicode."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise UnusableEventError(Reason.INVALID_PARAMETER, f"cannot be written as JSON: {error}") from error


def invalid(path: str, why: str) -> UnusableEventError:
    """The fault of one parameter."""
    return UnusableEventError(Reason.INVALID_PARAMETER, f"{path}: {why}")
