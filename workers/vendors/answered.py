"""What came back from a vendor, as far as all of them are alike: never raises, whatever the bytes."""

from collections.abc import Mapping
from typing import Any

import orjson

from common.errors import AmbiguousError, NotSentError
from common.http import Answer

Failure = NotSentError | AmbiguousError


class Answered:
    """An answer, or why there is none; `status` is 0 without an answer, `found` the body as a JSON object, or None.

    An answer that broke off after its head still has its status: a refusal means what it means without a body,
    only a 2xx without its body is not known to be a success.
    """

    __slots__ = ("body", "failure", "found", "headers", "status")

    def __init__(self, came: Answer | Failure) -> None:
        self.failure: Failure | None = None
        self.body = b""
        self.headers: Mapping[str, str] = {}
        match came:
            case Answer():
                self.status, self.headers, self.body = came.status, came.headers, came.body
            case AmbiguousError(status=status, headers=headers) if status >= 300:
                self.status, self.headers = status, headers
            case _:
                self.status, self.failure = 0, came
        self.found = _json_object(self.body)

    @property
    def values(self) -> Mapping[str, Any]:
        """The fields of the body; none where it is no JSON object."""
        return self.found or {}

    @property
    def is_html(self) -> bool:
        """Whether a page came instead of data."""
        return self.body.lstrip()[:1] == b"<" or "html" in self.headers.get("content-type", "")


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def word(value: object) -> str:
    """A text or a number of a body as text; empty for anything else."""
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
