"""What came back, parsed as far as it can be: never raises, whatever the bytes (§9).

Bodies of errors are not documented: the shapes of §9 are tried in its order, and of what they say only a code
is kept, since texts may echo addresses.
"""

import re
from collections.abc import Iterator, Mapping
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

    __slots__ = ("codes", "failure", "headers", "status", "text", "values")

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
        self.text = body[:20_000].decode("utf-8", "replace")
        self.values = _json_object(body)
        self.codes = tuple(_codes(self.values))

    @property
    def code(self) -> str:
        """The first code of the body, or none."""
        return self.codes[0] if self.codes else ""

    @property
    def soap_status(self) -> str:
        """StatusCode, where the body has one: 0 is fine, 1 a failure, 2 partial (§6)."""
        return _text(self.values.get("StatusCode"))

    def identifier(self, name: str) -> str:
        """A field that names what was made there; empty without one."""
        return _text(self.values.get(name))[:_MOST_ID]


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _codes(values: Mapping[str, Any]) -> Iterator[str]:
    """Gateway fault, OAuth error, list of errors, single error, SOAP's own, in this order (§9)."""
    fault = values.get("fault")
    detail = fault.get("detail") if isinstance(fault, dict) else None
    errors = values.get("errors")
    listed = [each.get("code") for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    told = [
        detail.get("errorcode") if isinstance(detail, dict) else None,
        values.get("error"),
        *listed,
        values.get("code"),
        values.get("ErrorCode"),
    ]
    for each in told:
        code = _text(each)
        if code and _CODE.fullmatch(code):
            yield code


def _text(value: object) -> str:
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
