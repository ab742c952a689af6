"""GET /email/unsubscribes and GET /email/hard_bounces (page §2.10)."""

from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.workspace import Workspace

_MOST = 500


def unsubscribes(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """Who is unsubscribed now; a user who subscribed again is not there any more."""
    return _listed(query, workspace, "unsubscribes", "unsubscribed_at")


def hard_bounces(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """Addresses that bounced for good; no direction can be asked for, the newest come first."""
    asked = QueryParams({name: value for name, value in query.items() if name != "sort_direction"})
    return _listed(asked, workspace, "hard_bounces", "hard_bounced_at")


def _listed(query: QueryParams, workspace: Workspace, name: str, field: str) -> Reply:
    email = query.get("email")
    start, end = _midnight(query.get("start_date")), _midnight(query.get("end_date"))
    limit, offset = query.get("limit", "100"), query.get("offset", "0")
    # which texts these refusals have is unknown
    if end is None or (start is None and email is None):
        return refused(400, words.BAD_REQUEST)
    if not limit.isdecimal() or not offset.isdecimal() or not 0 < int(limit) <= _MOST:
        return refused(400, words.BAD_REQUEST)
    rows = [
        {"email": address, field: at.strftime("%Y-%m-%d %H:%M:%S +0000")}
        for address, at in workspace.shelf.addresses(name)
        if (address == email if email is not None else start is not None and start <= at < end)
    ]
    if query.get("sort_direction", "desc") != "asc":
        rows.reverse()
    return Reply(200, {"emails": rows[int(offset) : int(offset) + int(limit)], "message": words.SUCCESS})


def _midnight(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
