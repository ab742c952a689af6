"""What a request to Braze passes before anybody looks at its content (page §1.2, §4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.windows import UNKNOWN, Windows


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, its method, and the permission that its key needs."""

    path: str
    method: str
    permission: str


class Door:
    """Key, permission, rate, content type, size and syntax, in this order."""

    def __init__(self, options: Options, windows: Windows) -> None:
        self._options, self._windows = options, windows

    def refusal(self, endpoint: Endpoint, headers: Headers) -> Reply | None:
        """Why this caller may not, or None."""
        key = _key_of(headers.get("authorization", ""))
        permissions = self._options.keys.get(key)
        if permissions is None:
            return Reply(401, {"message": f"Invalid API key: {key}"}, dict(UNKNOWN))
        if endpoint.permission not in permissions:
            return refused(self._options.permission_status, words.ACCESS_DENIED)
        return None

    def rate(self, endpoint: Endpoint) -> tuple[Reply | None, dict[str, str]]:
        """Count the request: a refusal or None, and what every answer says of the pool."""
        passes, headers = self._windows.take(endpoint.path)
        return (None if passes else Reply(429, {"message": words.RATE_LIMITED})), headers

    def content(self, headers: Headers, body: bytes) -> Mapping[str, Any] | Reply:
        """The JSON object of a body, or what is wrong with it."""
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return refused(415, words.WRONG_CONTENT_TYPE)
        if len(body) > self._options.max_body_bytes:
            return refused(self._options.oversize_status, words.TOO_LARGE)
        try:
            value = json.loads(body.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return refused(400, words.BAD_SYNTAX)
        return value if isinstance(value, dict) else refused(400, words.BAD_SYNTAX)


def _key_of(authorization: str) -> str:
    """The key as sent; the scheme's case does not matter, the key's does."""
    scheme, _, key = authorization.partition(" ")
    return key if scheme.lower() == "bearer" else ""


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
