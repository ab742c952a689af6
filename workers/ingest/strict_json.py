"""JSON as RFC 8259 has it and nothing else, because what one parser forgives another one reads differently."""

import json
from collections.abc import Iterator
from typing import Any

import orjson

from common.errors import InvalidEventError


def parse(body: bytes) -> Any:
    """The JSON value of a body; raises InvalidEventError naming what is wrong and where.

    Refused are invalid UTF-8, a byte order mark, NaN and infinity, lone surrogates, absurd nesting and
    names that occur twice in one object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(body, error) from None
    if not _has_every_quote(body, value):
        _refuse_duplicates(body.decode())
    return value


def _unreadable(body: bytes, error: ValueError) -> InvalidEventError:
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        return _invalid(f"is not valid UTF-8 at byte {broken.start}")
    return _invalid(f"is not valid JSON: {error}")


def _has_every_quote(body: bytes, value: Any) -> bool:
    """Whether no name was dropped, seen from afar: without escapes, every name and text is two quotes.

    False also where that cannot be said; the second look is ten times as slow.
    """
    if b"\\" in body:
        return False
    try:
        return body.count(b'"') == orjson.dumps(value).count(b'"')
    except orjson.JSONEncodeError:  # nested too deeply, for one
        return False


def _refuse_duplicates(text: str) -> None:
    """orjson keeps the last of equal names; this second look finds them. It converts no number."""
    try:
        json.loads(text, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except RecursionError:
        raise _invalid("is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        twice = next(_repeated(name for name, _ in pairs))
        raise _invalid("occurs twice in one object", twice)


def _repeated(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def _invalid(message: str, field: str = "") -> InvalidEventError:
    return InvalidEventError([(field, message)])
