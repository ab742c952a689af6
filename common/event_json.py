"""Events as JSON, their CloudEvents headers, and the check that a value fits its schema.

JSON of an event has the names of the Avro schema, enums as their symbols and timestamps as RFC 3339
strings. Unlike Avro's own JSON encoding it does not name union branches: `"customer": {…}` or null.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote

from common.errors import InvalidEventError, UnknownTopicError
from common.event_shape import Convert, WrongError, compile_schema
from schemas.catalogue import catalogue

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,6})?\d*([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def from_json(topic: str, event: Any) -> dict[str, Any]:
    """A JSON event as the value to encode, complete with defaults.

    A time that we filled in ourselves may be a datetime already. Raises InvalidEventError naming every field
    that is unknown, missing or wrong, and UnknownTopicError.
    """
    return _run(_compiled(topic, _from_rfc3339), event)


def to_json(topic: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """An event's value as JSON-able data; `from_json` gives the same value back."""
    return _run(_compiled(topic, _to_rfc3339), value)


def checked(topic: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """The value, complete with defaults; raises InvalidEventError as `from_json` does.

    Timestamps must be datetimes with an offset: a naive one would be read as this machine's local time.
    """
    return _run(_compiled(topic, _aware), value)


def headers_of(topic: str, value: Mapping[str, Any], traceparent: str | None = None) -> list[tuple[str, bytes]]:
    """The headers of a record: CloudEvents' binary mode (Kafka protocol binding 1.0.2 §3.2).

    `ce_source` is the source and its instance as a URI reference; `traceparent` is W3C's, where present.
    """
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", value["event_id"].encode()),
        ("ce_source", _uri_reference(value["source"], value.get("source_instance"))),
        ("ce_type", f"{topic}.{value['type']}".encode()),
        ("ce_time", _to_rfc3339(value["occurred_at"]).encode()),
        ("content-type", b"application/avro"),
    ]
    return headers if traceparent is None else [*headers, ("traceparent", traceparent.encode())]


@cache
def _compiled(topic: str, timestamp: Convert) -> Convert:
    try:
        schema = catalogue().schema(topic)
    except KeyError:
        known = ", ".join(catalogue().topics)
        raise UnknownTopicError(f"{topic} is not an event topic; the event topics are {known}") from None
    return compile_schema(schema, timestamp)


def _run(convert: Convert, value: Any) -> dict[str, Any]:
    try:
        converted: dict[str, Any] = convert(value)
    except WrongError as wrong:
        raise InvalidEventError(wrong.errors) from None
    return converted


def _from_rfc3339(value: Any) -> datetime:
    form = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if form is None and isinstance(value, datetime):
        return _aware(value)
    if form is None:
        raise WrongError("must be an RFC 3339 time with an offset, such as 2026-01-31T09:30:00Z")
    date, time, fraction, offset = form.groups()
    try:
        return datetime.fromisoformat(f"{date}T{time}{fraction or ''}{offset.upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongError("is not a time that exists") from None


def _to_rfc3339(value: Any) -> str:
    return _aware(value).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _aware(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise WrongError("must be a datetime with an offset")
    return value


@lru_cache(maxsize=1024)
def _uri_reference(source: str, instance: str | None) -> bytes:
    return "/".join(quote(part, safe="") for part in (source, instance) if part).encode()
