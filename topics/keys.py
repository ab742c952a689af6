"""Record keys: made of an event's fields, and taken apart to find the lane.

A joined key is unambiguous whatever its parts hold: inside a part "%" is written %25 and "|" is written
%7C. A part that is null is empty.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

SEPARATOR = "|"

KeyOf = Callable[[Mapping[str, Any]], bytes | None]
LaneOf = Callable[[bytes | None], bytes | None]


def first_present(paths: Sequence[str]) -> KeyOf:
    """The key is the first of these fields that is not null; there is none when all are."""
    getters = [_getter(path) for path in paths]

    def key_of(value: Mapping[str, Any]) -> bytes | None:
        for get in getters:
            found = get(value)
            if found is not None:
                return found.encode()
        return None

    return key_of


def joined(paths: Sequence[str]) -> KeyOf:
    """The key is these fields, escaped and joined; there is none when the first is null."""
    getters = [_getter(path) for path in paths]

    def key_of(value: Mapping[str, Any]) -> bytes | None:
        parts = [get(value) for get in getters]
        return None if parts[0] is None else SEPARATOR.join(map(_escaped, parts)).encode()

    return key_of


def whole(key: bytes | None) -> bytes | None:
    """The lane key of a topic whose lane key is its key."""
    return key


def first_part(key: bytes | None) -> bytes | None:
    """The first part of a joined key, as it was before it was escaped."""
    if key is None:
        return None
    part = key.partition(SEPARATOR.encode())[0]
    return part.replace(b"%7C", b"|").replace(b"%25", b"%") if b"%" in part else part


def _escaped(part: str | None) -> str:
    return "" if part is None else part.replace("%", "%25").replace(SEPARATOR, "%7C")


def _getter(path: str) -> Callable[[Mapping[str, Any]], str | None]:
    outer, _, inner = path.partition(".")

    def get_outer(value: Mapping[str, Any]) -> str | None:
        found: str | None = value.get(outer)
        return found

    def get_inner(value: Mapping[str, Any]) -> str | None:
        record: Mapping[str, str | None] | None = value.get(outer)
        return None if record is None else record.get(inner)

    return get_inner if inner else get_outer
