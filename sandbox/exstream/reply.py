"""Answers on their way out, and the shapes in which Exstream says no (page §9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, JSON (or bytes of another type), and headers beside the usual ones."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


class RefusedError(Exception):
    """Exstream says no, in shape 1: Spring's."""

    def __init__(self, status: int, message: str, *, code: int | None = None, path: str = "") -> None:
        super().__init__(message)
        reason = _REASONS.get(status, "Error")
        body = {"timestamp": 0, "status": status, "error": reason, "message": message, "details": message}
        self.reply = Reply(status, {**body, "path": path, **({"errorCode": code} if code else {})})


def success(data: Any) -> Reply:
    """200 with `data`."""
    return Reply(200, {"status": "success", "data": data})


def embedded(status: str, message: str) -> Reply:
    """Shape 3: a failure inside a 200 (§2)."""
    return Reply(
        200,
        {"status": "error", "data": [{"errorMessage": message, "statusCode": status, "engineOutputContext": {}}]},
    )


def invalid_key() -> Reply:
    """The gateway's fault, word for word (§1)."""
    return Reply(401, {"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}})


def paged(rows: list[Any], count: int, offset: int, *, counts: str) -> Reply:
    """One page of a list (§4.1); `counts` says whether offset is a page index or a row number."""
    start = offset * count if counts == "pages" else offset
    pages = -(-len(rows) // count)
    page = {
        "pageSize": count,
        "pageOffset": offset,
        "totalElements": len(rows),
        "totalPages": pages,
        "currentPageNumber": start // count,
    }
    return Reply(200, {"status": "success", "data": rows[start : start + count], "page": page})
