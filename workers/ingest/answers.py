"""What a sender is told: pure, from what became of its signals to an HTTP answer (design §12).

An answer is never empty, though a sender of a vendor's may not read it: Marketo takes an empty body for a failure.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from workers.ingest.admission import Admitted, ItemStatus
from workers.ingest.hooks import SignalOutcome
from workers.ingest.problem import Problem, fields


def answer_one(admitted: Admitted, retry_after_s: int) -> Response:
    """200 once it is stored, kept as a dead letter or passed over, 400 or 413 when it never will be, else 503."""
    known = {"event_id": admitted.event_id} if admitted.event_id else {}
    match admitted.status:
        case ItemStatus.STORED | ItemStatus.KEPT | ItemStatus.PASSED_OVER:
            errors = {"errors": fields(admitted.errors)} if admitted.errors else {}
            return _json(HTTPStatus.OK, {**known, "status": admitted.status.value, **errors})
        case ItemStatus.UNCONFIRMED:
            return _later(admitted.errors[0][1], retry_after_s, known)
        case _:
            return _refused(admitted, known)


def answer_many(admitted: Sequence[Admitted], retry_after_s: int) -> Response:
    """An answer for each item: 200 all stored, 207 some refused, 400 none valid, 503 any unconfirmed."""
    items = {"items": [_item(index, one) for index, one in enumerate(admitted)]}
    found = {one.status for one in admitted}
    if ItemStatus.UNCONFIRMED in found:
        return _later("some items are not confirmed: send the request again", retry_after_s, items)
    if found == {ItemStatus.REFUSED}:
        detail = "no item can be stored: each one says why"
        return Problem(HTTPStatus.BAD_REQUEST, detail, SignalOutcome.INVALID, members=items).response()
    status = HTTPStatus.MULTI_STATUS if ItemStatus.REFUSED in found else HTTPStatus.OK
    return _json(status, items)


def _item(index: int, admitted: Admitted) -> dict[str, Any]:
    item = {"index": index, "event_id": admitted.event_id, "status": admitted.status.value}
    return {**item, "errors": fields(admitted.errors)} if admitted.errors else item


def _refused(admitted: Admitted, known: dict[str, Any]) -> Response:
    is_large = admitted.outcome is SignalOutcome.TOO_LARGE
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_large else HTTPStatus.BAD_REQUEST
    detail = "the event is too large" if is_large else "the signal cannot be stored as it is"
    return Problem(status, detail, admitted.outcome, admitted.errors, members=known).response()


def _later(detail: str, retry_after_s: int, members: dict[str, Any]) -> Response:
    headers = {"retry-after": str(retry_after_s)}
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return Problem(status, detail, SignalOutcome.UNCONFIRMED, headers=headers, members=members).response()


def _json(status: HTTPStatus, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
