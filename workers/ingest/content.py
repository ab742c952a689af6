"""How a body is written: JSON or JSON lines, as it is or compressed; pure."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from common.errors import InvalidEventError
from workers.ingest.hooks import SignalOutcome
from workers.ingest.problem import Problem, RefusalError
from workers.ingest.strict_json import parse

JSON, LINES = "application/json", "application/x-ndjson"

_TYPES = f"{JSON}, {LINES}"
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What zlib calls each coding of RFC 9110 §8.4.1 that it reads; deflate is the zlib format there."""

_CODINGS = "gzip, deflate"


@dataclass(frozen=True, slots=True)
class Content:
    """The media type and the coding of one body."""

    media_type: str
    coding: str | None

    def plain(self, body: bytes, max_bytes: int) -> bytes:
        """The body without its coding, never more than `max_bytes`: RefusalError (413) beyond, (400) for garbage."""
        return body if self.coding is None else inflated(body, self.coding, max_bytes)

    def signals(self, plain: bytes, max_items: int) -> "Signals":
        """The signals of a body; RefusalError (400) when it is not JSON, (413) for too many items."""
        return _lines(plain, max_items) if self.media_type == LINES else _value(plain, max_items)


_PLAIN = {media_type: Content(media_type, None) for media_type in (JSON, LINES)}


@dataclass(frozen=True, slots=True)
class Signals:
    """Parsed signals; a line that is not JSON is the InvalidEventError that says why."""

    items: list[Any]
    is_one: bool = False


def content_of(headers: Mapping[str, str]) -> Content:
    """What the headers say; raises RefusalError (415) naming what is accepted instead."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (JSON, LINES):
        raise _unsupported(f"the content type must be {JSON}, or {LINES} with an event a line", {"accept-post": _TYPES})
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return _PLAIN[media_type]
    if coding not in _WINDOW_BITS:
        detail = f"the content encoding must be one of {_CODINGS}, and one only; or send the body as it is"
        raise _unsupported(detail, {"accept-encoding": _CODINGS})
    return Content(media_type, coding)


def inflated(body: bytes, coding: str, max_bytes: int) -> bytes:
    """The bytes of all members of a compressed body; stops as soon as they are more than `max_bytes`."""
    parts: list[bytes] = []
    left, rest = max_bytes + 1, body
    while rest:
        stream = zlib.decompressobj(_WINDOW_BITS[coding])
        try:
            parts.append(stream.decompress(rest, left))
        except zlib.error:
            raise _not_coded(coding) from None
        left -= len(parts[-1])
        if left <= 0:
            detail = f"the body may have at most {max_bytes} bytes when it is unpacked: send fewer events a request"
            raise RefusalError(Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, SignalOutcome.TOO_LARGE))
        if not stream.eof:
            raise _not_coded(coding)
        rest = stream.unused_data
    return b"".join(parts)


def _value(plain: bytes, max_items: int) -> Signals:
    try:
        value = parse(plain)
    except InvalidEventError as error:
        raise _not_json(error) from None
    if not isinstance(value, list):
        return Signals([value], is_one=True)
    _check_count(len(value), max_items)
    return Signals(value)


def _lines(plain: bytes, max_items: int) -> Signals:
    lines = [line for line in plain.split(b"\n") if line and not line.isspace()]
    _check_count(len(lines), max_items)
    return Signals([_line(line) for line in lines])


def _line(line: bytes) -> Any:
    try:
        return parse(line)
    except InvalidEventError as error:
        return error


def _check_count(count: int, max_items: int) -> None:
    if count > max_items:
        detail = f"at most {max_items} items a request, this one has {count}"
        raise RefusalError(Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, SignalOutcome.TOO_LARGE))


def _not_json(error: InvalidEventError) -> RefusalError:
    detail = "the body is not the JSON of a signal"
    return RefusalError(Problem(HTTPStatus.BAD_REQUEST, detail, SignalOutcome.INVALID, error.errors))


def _not_coded(coding: str) -> RefusalError:
    detail = f"the body is not what {coding} makes, or not all of it"
    return RefusalError(Problem(HTTPStatus.BAD_REQUEST, detail, SignalOutcome.INVALID))


def _unsupported(detail: str, headers: Mapping[str, str]) -> RefusalError:
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return RefusalError(Problem(status, detail, SignalOutcome.UNSUPPORTED, headers=headers))
