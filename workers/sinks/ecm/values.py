"""Values on their way to the server: attributes, dates, names, tags (§3, §7, §8 of its vendor page). Pure."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from common.errors import UnusableEventError
from common.reasons import Reason

MAX_NAME = 248
MAX_DESCRIPTION = 255
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

Scalar = str | int | float | bool
Value = Scalar | list[Scalar] | None


def moment(at: datetime, zone: str) -> str:
    """`yyyy-MM-ddTHH:mm:ss` in the server's zone (§3)."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")


def reminder_date(at: datetime, zone: str) -> str:
    """`D/2026/5/28:9:0:0`, not padded (§11.1)."""
    local = at.astimezone(ZoneInfo(zone))
    return f"D/{local.year}/{local.month}/{local.day}:{local.hour}:{local.minute}:{local.second}"


def attribute(value: Any, path: str, zone: str) -> Value:
    """An attribute's value; null clears it. Raises UnusableEventError for what a form cannot hold."""
    if isinstance(value, list | tuple):
        return [_scalar(each, f"{path}[{n}]", zone) for n, each in enumerate(value)]
    return None if value is None else _scalar(value, path, zone)


def wire(value: Value, empty_list: str) -> Any:
    """An attribute as JSON: cleared is an empty text, an empty list as the setting says (§7: not known)."""
    if value is None:
        return ""
    if value == []:
        return [""] if empty_list == "blank" else []
    return value


def field(value: Any) -> str:
    """A value as a plain form field: lists and objects are JSON-encoded (§3)."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return orjson.dumps(value).decode()


def is_same(current: Any, wanted: Value) -> bool:
    """Whether the server already has a value, however it writes it down."""
    return bool(_plain(current) == _plain(wanted))


def node_name(text: str, path: str) -> str:
    """A node's name; raises UnusableEventError for what the server refuses (§8.1)."""
    if ":" in text or text != text.strip():
        raise UnusableEventError(Reason.INVALID_PARAMETER, f"{path}: a name has no colon and no outer spaces")
    if len(text) > MAX_NAME:
        raise UnusableEventError(Reason.OVERSIZED, f"{path}: {len(text)} characters, {MAX_NAME} fit")
    return text


def correlation(event_id: str) -> str:
    """What a node carries to be found again: the event's id where it is one, else a hash of it."""
    return event_id if _PLAIN_ID.fullmatch(event_id) else hashlib.sha256(event_id.encode()).hexdigest()[:40]


def tagged(text: str, tag: str, most: int = MAX_DESCRIPTION) -> str:
    """A text with a tag behind it, cut so that the tag stays whole."""
    return f"{text[: most - len(tag) - 1].rstrip()} {tag}".strip()


def event_tag(identity: str) -> str:
    """As it stands in descriptions (§8.3)."""
    return f"[evt:{identity}]"


def name_tag(identity: str) -> str:
    """As it stands in names, which have no colon."""
    return f"[evt {identity}]"


def renamed(name: str, identity: str) -> str:
    """Another name for a document, always the same for the same event."""
    stem, dot, extension = name.rpartition(".")
    mark = f" ({hashlib.sha256(identity.encode()).hexdigest()[:8]})"
    if not dot or not stem:
        return name[: MAX_NAME - len(mark)] + mark
    return f"{stem[: MAX_NAME - len(mark) - len(extension) - 1]}{mark}.{extension}"


def flat(category: int, values: Mapping[int, Value], empty_list: str) -> dict[str, Any]:
    """`{cat}_{attribute}` keys of a category's values (§7)."""
    return {f"{category}_{number}": wire(value, empty_list) for number, value in values.items()}


def _scalar(value: Any, path: str, zone: str) -> Scalar:
    match value:
        case datetime():
            return moment(value, zone)
        case float() if not math.isfinite(value):
            raise UnusableEventError(Reason.INVALID_PARAMETER, f"{path}: not a number that JSON has")
        case int() if not -(2**63) <= value < 2**63:
            raise UnusableEventError(Reason.INVALID_PARAMETER, f"{path}: an integer over 64 bits")
        case str():
            return encodable(value, path)
        case bool() | int() | float():
            return value
        case _:
            raise UnusableEventError(Reason.INVALID_PARAMETER, f"{path}: an attribute holds no {type(value).__name__}")


def encodable(text: str, path: str) -> str:
    """A text that UTF-8 can carry; raises UnusableEventError for half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnusableEventError(Reason.INVALID_PARAMETER, f"{path}: not Unicode text") from error
    return text


def _plain(value: Any) -> Any:
    match value:
        case None:
            return ""
        case list() | tuple():
            return _without_blanks(map(_plain, value))
        case str():
            return value
        case _:
            return field(value)


def _without_blanks(values: Iterable[Any]) -> Any:
    kept = [value for value in values if value != ""]
    return kept or ""
