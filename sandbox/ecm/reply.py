"""An answer on its way out, and the shapes of v2 (page §3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a JSON object, or raw bytes of a type."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class RefusedError(Exception):
    """The server says no: `{"error": text}`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def links(path: str, method: str) -> dict[str, Any]:
    """`links` of a v2 answer."""
    return {"data": {"self": {"body": "", "content_type": "", "href": path, "method": method, "name": ""}}}


def done(results: Any, path: str = "", method: str = "GET") -> Reply:
    """A v2 answer."""
    return Reply(200, {"links": links(path, method), "results": results})


def paged(rows: Sequence[Any], limit: int, page: int) -> tuple[Sequence[Any], dict[str, int]]:
    """A page of rows, and `paging` as the page prints it."""
    first = (page - 1) * limit
    paging = {
        "limit": limit,
        "page": page,
        "page_total": max(1, -(-len(rows) // limit)),
        "range_min": min(first + 1, len(rows)),
        "range_max": min(first + limit, len(rows)),
        "total_count": len(rows),
    }
    return rows[first : first + limit], paging
