"""What stands in the way of a poller's read, row by row of the vendor pages (ecm.md §16, notifications.md §9)."""

import json
from typing import Any

import pytest

from common.errors import AmbiguousError, NotSentError
from common.http import Answer
from common.reasons import Cause, Reason
from workers.ingest.pollers.ecm import table as ecm
from workers.ingest.pollers.notifications import reads as notifications
from workers.vendors.ecm.ask import Ask, login
from workers.vendors.ecm.reply import Reply as EcmReply
from workers.vendors.ecm.signs import Signs
from workers.vendors.notifications.reply import Reply

READ, LOGIN = Ask("GET", "v2/nodes/1"), login("a", "b", None)
HTML = b"<html>502</html>"


def ecm_row(came: EcmReply, ask: Ask = READ) -> str:
    """The row that decides."""
    return next(row.name for row in ecm.TABLE if row.fits(came, ask, Signs()))


def said(status: int, body: Any) -> Answer:
    """An answer."""
    return Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "row"),
    [
        (200, {"results": []}, "accepted"),
        (200, HTML, "unreadable"),
        (401, {"error": "Authentication Required"}, "ticket_refused"),
        (400, {"error": "The REST API URL could not be found in the mappings registry"}, "endpoint_missing"),
        (400, {"error": "Could not get a node for 7"}, "absent"),
        (500, {"error": "Could not get a node for 7"}, "absent"),
        (404, {"error": "gone"}, "absent"),
        (404, HTML, "not_ecm"),
        (405, HTML, "not_ecm"),
        (403, {"error": "no"}, "forbidden"),
        (302, b"", "redirected"),
        (429, b"", "throttled"),
        (400, {"error": "Invalid datatype"}, "refused"),
        (500, {"error": "boom"}, "down"),
        (503, HTML, "down"),
    ],
)
def test_an_answer_of_ecm_has_one_row(status: int, body: Any, row: str) -> None:
    """Texts first, statuses second."""
    assert ecm_row(EcmReply(said(status, body))) == row


@pytest.mark.parametrize(
    ("status", "body", "row"),
    [
        (401, {"error": "Invalid username/password specified"}, "login_refused"),
        (500, {"error": "Argument username is required"}, "login_incomplete"),
        (200, {"ticket": ""}, "unreadable"),
        (500, {"error": "boom"}, "down"),
    ],
)
def test_a_log_in_of_ecm_has_one_row(status: int, body: Any, row: str) -> None:
    """§16 #2, #3: only a refusal makes us leave the account alone."""
    assert ecm_row(EcmReply(said(status, body)), LOGIN) == row
    refused = {each.name for each in ecm.TABLE if each.is_refused_login}
    assert refused == {"login_incomplete", "login_refused"}


@pytest.mark.parametrize(
    ("failure", "row"),
    [
        (NotSentError("certificate", bad_certificate=True), "untrusted"),
        (NotSentError("refused"), "no_answer"),
        (AmbiguousError(Reason.CONNECTION, "reset"), "no_answer"),
    ],
)
def test_without_an_answer_nothing_is_in_doubt(failure: NotSentError | AmbiguousError, row: str) -> None:
    """A read changes nothing, wherever it broke off."""
    assert ecm_row(EcmReply(failure)) == row
    assert next(each.name for each in notifications.TABLE if each.fits(Reply(failure))) == row


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (401, {"fault": {"detail": {"errorcode": "oauth.v2.InvalidApiKey"}}}, Cause.CREDENTIALS),
        (401, {}, Cause.CREDENTIALS),
        (403, {}, Cause.CREDENTIALS),
        (429, {}, Cause.THROTTLED),
        (503, {}, Cause.THROTTLED),
        (301, b"", Cause.CONFIGURATION),
        (405, {}, Cause.CONFIGURATION),
        (500, {}, Cause.VENDOR_DOWN),
        (200, HTML, Cause.VENDOR_DOWN),
    ],
)
def test_an_answer_of_notifications_has_one_cause(status: int, body: Any, cause: Cause) -> None:
    """§9: what an operator is told."""
    assert next(row for row in notifications.TABLE if row.fits(Reply(said(status, body)))).cause is cause
