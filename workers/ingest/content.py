"""How a body is written: JSON, JSON lines or a form, as it is or compressed; pure."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from common.errors import InvalidEventError
from workers.ingest.hooks import SignalOutcome
from workers.ingest.problem import Problem, RefusalError
from workers.ingest.strict_json import parse

JSON, LINES, FORM = "application/json", "application/x-ndjson", "application/x-www-form-urlencoded"

Unwrap = Callable[[Any], list[Any]]
"""Takes the signals out of a vendor's envelope; raises InvalidEventError when it is none."""

_TYPES = f"{JSON}, {LINES}"
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What zlib calls each coding of RFC 9110 §8.4.1 that it reads; deflate is the zlib format there."""

_CODINGS = "gzip, deflate"
_FIELDS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no signal, and why."""

    raw: bytes
    errors: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Signals:
    """Parsed signals; a line that is not JSON is Unreadable."""

    items: list[Any]
    is_one: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """The media type and the coding of one body; a media type of None is looked for in the body itself."""

    media_type: str | None
    coding: str | None

    def plain(self, body: bytes, max_bytes: int) -> bytes:
        """The body without its coding, never more than `max_bytes`.

        Raises RefusalError: 413 beyond, 400 for garbage, 415 for a coding that we do not read.
        """
        return body if self.coding is None else inflated(body, self.coding, max_bytes)

    def signals(self, plain: bytes, max_items: int, unwrap: Unwrap | None = None) -> Signals:
        """The signals of a body; RefusalError (400) when it is not what it should be, (413) for too many items."""
        if unwrap:
            return _enveloped(plain, max_items, unwrap)
        match self.media_type or _looks_like(plain):
            case "application/x-ndjson":
                return _lines(plain, max_items)
            case "application/x-www-form-urlencoded":
                return Signals([_form(plain)], is_one=True)
            case _:
                return _value(plain, max_items)


_PLAIN = {media_type: Content(media_type, None) for media_type in (JSON, LINES)}


def content_of(headers: Mapping[str, str]) -> Content:
    """What the headers say; raises RefusalError (415) naming what is accepted instead."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (JSON, LINES):
        raise _unsupported(f"the content type must be {JSON}, or {LINES} with an event a line", {"accept-post": _TYPES})
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return _PLAIN[media_type]
    if coding not in _WINDOW_BITS:
        raise _unknown_coding()
    return Content(media_type, coding)


def vendors_content_of(headers: Mapping[str, str]) -> Content:
    """The same for a vendor's hook, where the type is whatever a customer typed, or nothing: nothing is refused yet."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = headers.get("content-encoding", "identity").strip().lower()
    return Content(media_type if media_type in (JSON, LINES, FORM) else None, None if coding == "identity" else coding)


def inflated(body: bytes, coding: str, max_bytes: int) -> bytes:
    """The bytes of all members of a compressed body; stops as soon as they are more than `max_bytes`."""
    if coding not in _WINDOW_BITS:
        raise _unknown_coding()
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
        return Unreadable(line, error.errors)


def _enveloped(plain: bytes, max_items: int, unwrap: Unwrap) -> Signals:
    """An empty body is how a vendor tries its credentials: there is nothing in it."""
    try:
        items = unwrap(parse(plain)) if plain.strip() else []
    except InvalidEventError as error:
        raise _not_json(error) from None
    _check_count(len(items), max_items)
    return Signals(items)


def _looks_like(plain: bytes) -> str:
    """A form has names and equals signs, and no JSON begins with a name."""
    is_form = b"=" in plain and plain.lstrip()[:1] not in (b"{", b"[", b'"')
    return FORM if is_form else JSON


def _form(plain: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(plain.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise _not_json(InvalidEventError([("", "is no form in UTF-8, or has too many fields")])) from None
    return dict(pairs)


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


def _unknown_coding() -> RefusalError:
    detail = f"the content encoding must be one of {_CODINGS}, and one only; or send the body as it is"
    return _unsupported(detail, {"accept-encoding": _CODINGS})


def _unsupported(detail: str, headers: Mapping[str, str]) -> RefusalError:
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return RefusalError(Problem(status, detail, SignalOutcome.UNSUPPORTED, headers=headers))
