"""What came back, parsed as far as it can be: never raises, whatever the bytes (§9).

The six shapes of §9 are tried. Of texts only what the rows need is kept: they may echo a customer's data.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from common.errors import AmbiguousError, NotSentError
from common.http import Answer

Failure = NotSentError | AmbiguousError
_CODE = re.compile(r"[A-Za-z0-9._-]{1,60}")
_MOST_ID = 200


class Reply:
    """An answer, or why there is none; `status` is 0 without an answer.

    An answer that broke off after its head still has its status: a refusal means what it means without a body,
    only a 2xx without its body is not known to be a success.
    """

    __slots__ = ("failure", "headers", "is_json", "rows", "status", "text", "values")

    def __init__(self, came: Answer | Failure) -> None:
        self.failure: Failure | None = None
        body = b""
        match came:
            case Answer():
                self.status, self.headers, body = came.status, came.headers, came.body
            case AmbiguousError(status=status, headers=headers) if status >= 300:
                self.status, self.headers = status, headers
            case _:
                self.status, self.headers, self.failure = 0, {}, came
        parsed = _json(body)
        self.is_json = isinstance(parsed, dict)
        self.values: Mapping[str, Any] = parsed if isinstance(parsed, dict) else {}
        data = self.values.get("data")
        self.rows = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
        self.text = body[:20_000].decode("utf-8", "replace")

    @property
    def is_ok(self) -> bool:
        """A 2xx whose body was read."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """`status` of the body: success, failure, error."""
        return _word(self.values.get("status"))

    @property
    def inner(self) -> list[int]:
        """statusCode of each element of `data` (§2): 0 for none, 500 for what cannot be read or is an error alone."""
        return [_inner(row) for row in self.rows]

    @property
    def is_embedded_failure(self) -> bool:
        """Shape 3: an error inside the body, whatever the HTTP status (§2)."""
        return any(code >= 300 for code in self.inner) or (self.is_ok and self.said == "error")

    @property
    def code(self) -> str:
        """A code of shapes 1, 4 or 5, or none."""
        fault = self.values.get("fault")
        detail = fault.get("detail") if isinstance(fault, dict) else None
        found = (
            detail.get("errorcode") if isinstance(detail, dict) else None,
            self.values.get("errorCode"),
            self.values.get("error"),
        )
        return next((word for each in found if (word := _word(each)) and _CODE.fullmatch(word)), "")

    def identifier(self, name: str) -> str:
        """A text of the body that names what was made; empty without one."""
        return _word(self.values.get(name))[:_MOST_ID]

    def identifiers(self, name: str) -> tuple[str, ...]:
        """The same of each element of `data`, each once."""
        found = (_word(row.get(name))[:_MOST_ID] for row in self.rows)
        return tuple(dict.fromkeys(each for each in found if each))


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _word(value: object) -> str:
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _inner(row: Mapping[str, Any]) -> int:
    code = row.get("statusCode")
    if code is None or code == "":
        return 500 if row.get("errorMessage") else 0
    word = _word(code)
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 4 else 500
