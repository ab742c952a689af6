"""Refusals as RFC 9457 problem documents: what is wrong, which field, what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from workers.ingest.hooks import SignalOutcome

MEDIA_TYPE = "application/problem+json"

_ERRORS_MAX, _NAME_MAX = 50, 200
"""A sender's own field names come back in an answer: not by the hundred kilobytes."""

Errors = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. `members` are extension members (RFC 9457 §3.2): an event_id, the items of an array."""

    status: HTTPStatus
    detail: str
    outcome: SignalOutcome
    errors: Errors = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The body's JSON; the type is about:blank, so the title is the status phrase (RFC 9457 §4.2.1)."""
        body = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            **self.members,
        }
        return {**body, "errors": fields(self.errors)} if self.errors else body

    def response(self) -> Response:
        """The HTTP answer."""
        headers = dict(self.headers)
        return Response(orjson.dumps(self.document()), self.status, headers, media_type=MEDIA_TYPE)


class RefusalError(Exception):
    """Ends a request with a problem; raised by the steps of the webhook, caught where they are called."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def fields(errors: Errors) -> list[dict[str, str]]:
    """`{"field", "message"}` of each error, the first ones of very many; an empty field is the whole body."""
    named = [{"field": name[:_NAME_MAX], "message": message} for name, message in errors[:_ERRORS_MAX]]
    more = len(errors) - len(named)
    return [*named, {"field": "", "message": f"{more} more errors are not shown"}] if more else named
