"""Forms as Content Server reads them (page §3): url-encoded or multipart, never JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from typing import Any
from urllib.parse import parse_qsl

from sandbox.ecm import words
from sandbox.ecm.reply import RefusedError

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


@dataclass(frozen=True, slots=True)
class Upload:
    """The part with a file name."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Form:
    """Fields and the file of a request."""

    fields: Mapping[str, str] = field(default_factory=dict)
    file: Upload | None = None

    def needed(self, name: str) -> str:
        """A field that must be there; raises RefusedError."""
        if name not in self.fields:
            raise RefusedError(400, words.missing(name))
        return self.fields[name]

    def json(self, name: str = "body") -> dict[str, Any]:
        """A field that holds a JSON object; raises RefusedError."""
        try:
            value = json.loads(self.needed(name))
        except (ValueError, RecursionError):
            raise RefusedError(400, words.BAD_BODY) from None
        if not isinstance(value, dict):
            raise RefusedError(400, words.BAD_BODY)
        return value


def form_of(content_type: str, body: bytes) -> Form:
    """A request's form; a JSON body is not understood, so everything is missing from it (§3, §19)."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return Form(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
    if kind == "multipart/form-data" and (boundary := _BOUNDARY.search(content_type)):
        return _multipart(boundary[1].encode(), body)
    return Form()


def _multipart(boundary: bytes, body: bytes) -> Form:
    fields: dict[str, str] = {}
    file: Upload | None = None
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = HeaderParser().parsestr(head.decode("utf-8", "replace"))
        name = headers.get_param("name", "", "content-disposition")
        file_name = headers.get_filename()
        if name == "file" and file_name is not None:
            file = Upload(file_name, content, headers.get_content_type())
        else:
            fields[str(name)] = content.decode("utf-8", "replace")
    return Form(fields, file)
