"""A column's value as the value of a field: the schema says of which kind, the mapping how it is written. Pure.

Nothing is guessed: what is not plainly of the kind is an error that names the kind, never the value.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from schemas.fields import Field, Kind
from workers.ingest.files.mapping import Rule

Convert = Callable[[Any], Any]

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}


class CannotConvertError(Exception):
    """A value that is not of the field's kind; says which is, not which value."""


def converter(field: Field, rule: Rule) -> Convert:
    """What turns a column of this rule into the field. Raises CannotConvertError for a field that has no column."""
    plain = _plain(field, rule)
    words = {name: plain(word) if isinstance(word, str) else word for name, word in rule.words.items()}
    if field.kind == "enum":
        _check_symbols(field, list(words.values()))
    if not words:
        return plain
    return lambda value: words[value] if isinstance(value, str) and value in words else plain(value)


def _plain(field: Field, rule: Rule) -> Convert:
    match field.kind:
        case "enum":
            return lambda value: _symbol(field, value)
        case "timestamp":
            return _time(rule)
        case "array":
            return _array(rule)
        case "record" | "map":
            raise CannotConvertError(f"is a {field.kind}: map the fields inside it, {field.path}.name")
        case kind:
            return _SIMPLE[kind]


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal | date):
        raise CannotConvertError("must be a text")
    return value.isoformat() if isinstance(value, date) else str(value)


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise CannotConvertError("must be a whole number, without separators")


def _number(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise CannotConvertError("must be a number with a decimal point")
    return float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
    if found is None:
        raise CannotConvertError("must be true or false; other words need `words`")
    return found


def _symbol(field: Field, value: Any) -> str:
    if not isinstance(value, str) or value.strip() not in field.symbols:
        raise CannotConvertError(f"must be one of {', '.join(field.symbols)}; other words need `words`")
    return value.strip()


def _check_symbols(field: Field, values: list[Any]) -> None:
    for value in values:
        _symbol(field, value)


def _array(rule: Rule) -> Convert:
    def convert(value: Any) -> list[Any]:
        if isinstance(value, str) and rule.separator:
            return [part.strip() for part in value.split(rule.separator) if part.strip()]
        if not isinstance(value, list):
            raise CannotConvertError("must be a list; a text needs `separator`")
        return value

    return convert


def _time(rule: Rule) -> Convert:
    zone = ZoneInfo(rule.zone) if rule.zone else None
    read = _reading(rule)

    def convert(value: Any) -> datetime:
        found = value if isinstance(value, datetime) else read(value)
        if found.tzinfo is None:
            if zone is None:
                raise CannotConvertError("must be a time with an offset; one without needs `zone`")
            found = found.replace(tzinfo=zone)
        return found.astimezone(UTC)

    return convert


def _reading(rule: Rule) -> Callable[[Any], datetime]:
    if per_second := _UNITS.get(rule.time):
        return lambda value: _moment(_integer(value), per_second)
    if rule.time == "rfc3339":
        return lambda value: _parsed(value, datetime.fromisoformat, "must be a time as RFC 3339 writes it")
    if "%" not in rule.time:
        raise CannotConvertError(f"{rule.time!r} is no way to write times: rfc3339, {', '.join(_UNITS)}, or %d.%m.%Y")
    return lambda value: _parsed(value, _strptime(rule.time), f"must be a time {rule.time}")


def _strptime(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007  # the zone is the caller's


def _moment(count: int, per_second: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=count * (1_000_000 // per_second))
    except OverflowError:
        raise CannotConvertError("is beyond the year 9999") from None


def _parsed(value: Any, read: Callable[[str], datetime], complaint: str) -> datetime:
    try:
        return read(_text(value).strip())
    except ValueError:
        raise CannotConvertError(complaint) from None


_SIMPLE: dict[Kind, Convert] = {
    "string": _text,
    "int": _integer,
    "long": _integer,
    "double": _number,
    "boolean": _boolean,
}
