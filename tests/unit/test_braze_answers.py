"""Each row of Braze's answer table, as `test_row_<name>`, with the section of the vendor page it stands on."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import AmbiguousError, NotSentError
from common.http import Answer
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Delivered, Hold, Outcome, Refused, Rejected, Scope, Unsure
from workers.sinks.braze.answers import judge, judge_probe
from workers.sinks.braze.reply import code_of
from workers.sinks.braze.rules import Asked
from workers.sinks.braze.table import TABLE
from workers.vendors.braze.rate import Patience

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
PATIENCE = Patience(lambda: NOW, lambda: 0.0)
EVENTS = Asked("events", 3, is_repeatable=False)
ATTRIBUTES = Asked("attributes", 3, is_repeatable=True)
RECIPIENTS = Asked("recipients", 3, is_repeatable=False)
ONE_EVENT = Asked("events", 1, is_repeatable=False)
MESSAGE = Asked("message", 1, is_repeatable=False)
USERS = Asked("users", 3, is_repeatable=True, is_indexed=False)

DELIVERED = Delivered()
BAD_EMAIL = "The value provided for the 'email' field is not a valid email."
NO_ID = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def success(errors: Any = None, **more: Any) -> dict[str, Any]:
    return {"message": "success", **more, **({} if errors is None else {"errors": errors})}


def verdicts(came: Any, asked: Asked = EVENTS) -> list[Any]:
    outcome = judge(came, asked, PATIENCE).outcome
    assert isinstance(outcome, Answered)
    return list(outcome.verdicts)


def row_of(came: Any, asked: Asked = EVENTS) -> str:
    return judge(came, asked, PATIENCE).row


def outcome_of(row: str, came: Any, asked: Asked = EVENTS) -> Outcome:
    judgement = judge(came, asked, PATIENCE)
    assert judgement.row == row
    return judgement.outcome


def hold_of(row: str, came: Any, asked: Asked = EVENTS) -> tuple[Cause, Scope]:
    outcome = outcome_of(row, came, asked)
    assert isinstance(outcome, Hold)
    return outcome.cause, outcome.scope


def down(row: str, came: Any) -> Hold:
    """All unsure, and the route held."""
    outcome = outcome_of(row, came)
    assert isinstance(outcome, Answered)
    assert [type(verdict) for verdict in outcome.verdicts] == [Unsure] * 3
    assert outcome.hold is not None
    assert outcome.hold.cause is Cause.VENDOR_DOWN
    return outcome.hold


def refusal(row: str, came: Any, asked: Asked = EVENTS) -> Refused:
    outcome = outcome_of(row, came, asked)
    assert isinstance(outcome, Refused)
    return outcome


def rejected(code: str) -> Rejected:
    return Rejected(Reason.INVALID_FIELD, f"Braze refused this object ({code})", code)


# -- nothing came back --------------------------------------------------------------------------


def test_row_untrusted() -> None:
    """§5: a TLS certificate error is a configuration's: waiting does not help."""
    error = NotSentError("not trusted", bad_certificate=True)

    assert hold_of("untrusted", error) == (Cause.CONFIGURATION, Scope.SINK)


def test_row_not_sent() -> None:
    """§5: refused, DNS, handshake: nothing was sent, nobody's verdict."""
    assert hold_of("not_sent", NotSentError("refused")) == (Cause.VENDOR_DOWN, Scope.SINK)


def test_row_no_answer() -> None:
    """§5: a time-out or a reset after the body was sent: each object is unsure, for that reason."""
    outcome = outcome_of("no_answer", AmbiguousError(Reason.TIME_OUT, "no answer in time"))

    assert outcome == Answered([Unsure(Reason.TIME_OUT, "time_out: no answer in time")] * 3)


def test_a_broken_success_is_no_answer() -> None:
    """§2.0: a 2xx without its whole body is not known to be a success."""
    assert row_of(AmbiguousError(Reason.CONNECTION, "cut", status=201)) == "no_answer"


def test_a_broken_refusal_is_still_a_refusal() -> None:
    """§4: a 429 was not processed, whatever became of its body."""
    came = AmbiguousError(Reason.CONNECTION, "cut", status=429, headers={"retry-after": "7"})

    outcome = outcome_of("throttled", came)
    assert isinstance(outcome, Hold)
    assert outcome.retry_after_s == 7


# -- success that is none, and a send that has its own words ------------------------------------

STOPPED = [
    "The Canvas is paused. Resume the Canvas to ensure trigger requests will take effect.",
    "The Canvas is archived. Unarchive the Canvas to ensure trigger requests will take effect.",
]


@pytest.mark.parametrize("notice", STOPPED)
def test_row_stopped(notice: str) -> None:
    """§2.5: a notice means nothing was sent although the message is success: the action waits, nobody pays."""
    came = answer(201, success(notice=notice, dispatch_id="c249b5ea"))

    assert hold_of("stopped", came, RECIPIENTS) == (Cause.CONFIGURATION, Scope.ACTION)


def test_row_unknown_notice() -> None:
    """§2.5 knows two notices: with another one nobody can tell, so nobody is told twice, and a person looks."""
    outcome = outcome_of("unknown_notice", answer(201, success(notice="Something new")), RECIPIENTS)

    assert isinstance(outcome, Answered)
    assert {type(verdict) for verdict in outcome.verdicts} == {Unsure}
    assert outcome.hold is not None
    assert (outcome.hold.cause, outcome.hold.scope) == (Cause.CONFIGURATION, Scope.ACTION)
    assert "Something new" not in repr(outcome)


def test_a_notice_is_of_triggers_only() -> None:
    """§2.5: elsewhere it is one of the things that may be added at any time."""
    assert row_of(answer(201, success(notice="Something new")), ATTRIBUTES) == "accepted"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_row_dispatched(status: int) -> None:
    """§2.7: the answer has a dispatch_id and no message; its success status is not documented."""
    body = {"dispatch_id": "acf47111", "status": "sent", "metadata": {"external_send_id": "34a2ce"}}

    assert outcome_of("dispatched", answer(status, body), MESSAGE) == Answered([Delivered({"dispatch_id": "acf47111"})])


@pytest.mark.parametrize("status", ["aborted", "bounced"])
def test_row_send_aborted(status: str) -> None:
    """§2.7: ended before it was sent, such as for who cannot be mailed."""
    outcome = outcome_of("send_aborted", answer(201, {"dispatch_id": "acf47111", "status": status}), MESSAGE)

    assert outcome == Answered([Rejected(Reason.REFUSED, f"Braze ended the message ({status})", status.upper())])


@pytest.mark.parametrize("status", [200, 400, 403, 409, 429])
def test_row_send_in_flight(status: int) -> None:
    """§2.7, §5: seen a moment ago, on its way: accepted, whatever the status that it comes with."""
    message = "The external reference has been queued.  Please retry to obtain send_id."

    assert outcome_of("send_in_flight", answer(status, {"message": message}), MESSAGE) == Answered([DELIVERED])


# -- accepted -----------------------------------------------------------------------------------


def test_row_queued() -> None:
    """§2.0: 202 queued is accepted, unconfirmed."""
    assert outcome_of("queued", answer(202, {"message": "queued"})) == Answered([DELIVERED] * 3)


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [success(), success([]), {"message": "success", "errors": None}])
def test_row_accepted(status: int, body: Any) -> None:
    """§2.0: any 2xx with the word; errors absent, null or empty."""
    assert outcome_of("accepted", answer(status, body)) == Answered([DELIVERED] * 3)


def test_vendor_ids_come_along() -> None:
    """§2.4: one dispatch_id for the request; §1.2: x-request-id for a support ticket."""
    came = answer(201, success(dispatch_id="14497aa4"), x_request_id="r-1")

    assert verdicts(came, RECIPIENTS) == [Delivered({"dispatch_id": "14497aa4", "request_id": "r-1"})] * 3


def test_row_partly_accepted() -> None:
    """§2.1: index counts within input_array; the named object is rejected, its neighbours are delivered."""
    errors = [
        {"type": BAD_EMAIL, "input_array": "attributes", "index": 2},
        {"type": "EXTERNAL_USER_ID_TOO_LARGE", "input_array": "attributes", "index": 0},
    ]

    outcome = outcome_of("partly_accepted", answer(201, success(errors)), ATTRIBUTES)

    assert outcome == Answered([rejected("EXTERNAL_USER_ID_TOO_LARGE"), DELIVERED, rejected("EMAIL_BAD_FORMAT")])


def test_an_object_may_be_named_twice() -> None:
    """§2.1: several entries may name the same pair."""
    errors = [{"type": BAD_EMAIL, "input_array": "attributes", "index": 1}] * 2

    assert verdicts(answer(201, success(errors)), ATTRIBUTES) == [DELIVERED, rejected("EMAIL_BAD_FORMAT"), DELIVERED]


def test_an_index_without_an_array_is_ours() -> None:
    """§2.2: seen in mocks without input_array; our request has one array only."""
    came = answer(201, success([{"type": "EXTERNAL_USER_ID_TOO_LARGE", "index": 1}]))

    assert verdicts(came) == [DELIVERED, rejected("EXTERNAL_USER_ID_TOO_LARGE"), DELIVERED]


UNATTRIBUTED = [
    ["a plain string"],
    [{"type": BAD_EMAIL}],
    [{"type": BAD_EMAIL, "input_array": "events", "index": 3}],
    [{"type": BAD_EMAIL, "input_array": "purchases", "index": 0}],
    [{"type": BAD_EMAIL, "input_array": "events", "index": -1}],
    [{"type": BAD_EMAIL, "input_array": "events", "index": True}],
    [{"type": BAD_EMAIL, "input_array": "events", "index": "0"}],
    [None],
    {"type": BAD_EMAIL},
    "a string alone",
]


@pytest.mark.parametrize("errors", UNATTRIBUTED)
def test_row_named_nobody_but_one_was_sent(errors: Any) -> None:
    """§5: with one object in the request, an error without an index is about it."""
    outcome = outcome_of("named_nobody_but_one_was_sent", answer(201, success(errors)), ONE_EVENT)

    assert isinstance(outcome, Answered)
    assert [type(verdict) for verdict in outcome.verdicts] == [Rejected]


@pytest.mark.parametrize("errors", ["a string", ["a string"], [{"type": BAD_EMAIL}]])
def test_row_named_nobody_repeatable(errors: Any) -> None:
    """§5: resend objects singly only if idempotent: the runner bisects."""
    assert refusal("named_nobody_repeatable", answer(201, success(errors)), ATTRIBUTES).reason is Reason.INVALID_FIELD


@pytest.mark.parametrize("errors", UNATTRIBUTED)
def test_row_named_nobody_once(errors: Any) -> None:
    """§5: events are treated as accepted: sending them again would count them twice."""
    assert outcome_of("named_nobody_once", answer(201, success(errors))) == Answered([DELIVERED] * 3)


def test_beside_an_error_that_names_nobody_the_named_are_rejected() -> None:
    """§2.1: an entry without an index does not blur the others."""
    errors = [{"type": BAD_EMAIL}, {"type": NO_ID, "input_array": "events", "index": 1}]

    assert verdicts(answer(201, success(errors))) == [DELIVERED, rejected("NO_IDENTIFIER"), DELIVERED]


@pytest.mark.parametrize(
    "body",
    [None, b"<html>ok</html>", b"[]", b'"success"', b"\xff", {"message": "fatal error message"}, {}, {"message": 1}],
)
def test_row_unreadable(body: Any) -> None:
    """§5: 2xx with another message, none, an empty or a non-JSON body is a failure of unknown effect."""
    outcome = outcome_of("unreadable", answer(200, body))

    assert isinstance(outcome, Answered)
    assert {type(verdict) for verdict in outcome.verdicts} == {Unsure}
    assert outcome.hold is None


def test_an_index_of_a_consent_write_is_nobody_s() -> None:
    """§2.8: the array holds groups, not users: an index in it must not be taken for a user's."""
    errors = [{"type": "BAD_SUBSCRIPTION_GROUP_ID", "index": 0}]

    assert row_of(answer(201, success(errors)), USERS) == "named_nobody_repeatable"


# -- the key, by its words ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403])
def test_row_not_authenticated(status: int) -> None:
    """§2.7: its status is not documented."""
    came = answer(status, {"message": "Error authenticating credentials"})

    assert hold_of("not_authenticated", came, MESSAGE) == (Cause.CREDENTIALS, Scope.SINK)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_row_address_not_allowed(status: int) -> None:
    """§1.2: the key's allow-list holds for every endpoint."""
    came = answer(status, {"message": "Invalid whitelisted IPs"})

    assert hold_of("address_not_allowed", came) == (Cause.CONFIGURATION, Scope.SINK)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_row_not_permitted(status: int) -> None:
    """§2.7: one endpoint's permission; other actions go on."""
    came = answer(status, {"message": "You do not have permission to access this resource"})

    assert hold_of("not_permitted", came, MESSAGE) == (Cause.CONFIGURATION, Scope.ACTION)


# -- refused ------------------------------------------------------------------------------------


def test_row_all_invalid() -> None:
    """§2.1: no valid object at all, and each is named: each is rejected for its own reason."""
    errors = [
        {"type": NO_ID, "input_array": "events", "index": 0},
        {"type": "Invalid 'properties' field", "input_array": "events", "index": 1},
        {"type": "something new", "input_array": "events", "index": 2},
    ]

    outcome = outcome_of("all_invalid", answer(400, {"message": NOTHING_VALID, "errors": errors}))

    assert outcome == Answered([rejected("NO_IDENTIFIER"), rejected("BAD_PROPERTIES"), rejected("UNKNOWN")])


def test_the_only_object_needs_no_name() -> None:
    """§2.1: with one object sent, the sentence is about it."""
    assert verdicts(answer(400, {"message": NOTHING_VALID}), ONE_EVENT) == [rejected("NO_VALID_OBJECT")]


def test_row_all_invalid_unnamed() -> None:
    """§2.1: a record that was not named is not rejected before it was sent alone."""
    errors = [{"type": NO_ID, "input_array": "events", "index": 0}]

    refused = refusal("all_invalid_unnamed", answer(400, {"message": NOTHING_VALID, "errors": errors}))
    assert refused.vendor_code == "NO_VALID_OBJECT"


def test_row_too_many_objects() -> None:
    """§5: a contract with a lower limit: halving goes through."""
    assert refusal("too_many_objects", answer(400, {"message": "Max Input Length Exceeded"})).reason is Reason.REFUSED


@pytest.mark.parametrize(
    "message",
    [
        "The max number of external_ids and aliases per request was exceeded",
        "The max number of ids per request was exceeded",
    ],
)
def test_row_too_many_recipients(message: str) -> None:
    """§5: over 50: split and resend."""
    refused = refusal("too_many_recipients", answer(400, {"message": message}), RECIPIENTS)
    assert refused.vendor_code == "TOO_MANY_RECIPIENTS"


@pytest.mark.parametrize(
    "message",
    [
        "Invalid Campaign ID",
        "Campaign does not exist",
        "campaign_id must be a string of the campaign api identifier",
        "INVALID CAMPAIGN ID",
    ],
)
def test_row_unknown_campaign(message: str) -> None:
    """§5: the id comes from our settings, so the action is held and no record pays for it."""
    came = answer(400, {"message": message})

    assert hold_of("unknown_campaign", came, RECIPIENTS) == (Cause.CONFIGURATION, Scope.ACTION)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize(
    "message",
    [
        "The campaign is not a transactional campaign. Only transactional campaigns may use this endpoint",
        "The campaign is archived. Unarchive the campaign in order for trigger requests to take effect.",
        "The campaign is paused. Resume the campaign in order for trigger requests to take effect.",
    ],
)
@pytest.mark.parametrize("asked", [MESSAGE, RECIPIENTS], ids=["message", "recipients"])
def test_row_campaign_stopped(status: int, message: str, asked: Asked) -> None:
    """§2.7: validation errors of undocumented status; should a trigger say so, it means the same."""
    came = answer(status, {"message": message})

    assert hold_of("campaign_stopped", came, asked) == (Cause.CONFIGURATION, Scope.ACTION)


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize(
    "message", ["Campaign does not exist", "campaign_id must be a string of the campaign api identifier"]
)
def test_row_unknown_transactional_campaign(status: int, message: str) -> None:
    """§2.7: the id in the path comes from our settings."""
    came = answer(status, {"message": message})

    assert hold_of("unknown_transactional_campaign", came, MESSAGE) == (Cause.CONFIGURATION, Scope.ACTION)


def test_row_unknown_transactional_path() -> None:
    """§5: a 404 for an id in the path is about the id, not about the host."""
    came = answer(404, {"message": "Not Found"})

    assert hold_of("unknown_transactional_path", came, MESSAGE) == (Cause.CONFIGURATION, Scope.ACTION)


@pytest.mark.parametrize(
    "message", ["canvas_id must be a string of the Canvas api identifier", "Invalid Canvas ID", "Canvas does not exist"]
)
def test_row_unknown_canvas(message: str) -> None:
    """§5: as a campaign's; the page knows the first text, the others follow the campaigns'."""
    came = answer(400, {"message": message})

    assert hold_of("unknown_canvas", came, RECIPIENTS) == (Cause.CONFIGURATION, Scope.ACTION)


def test_row_unknown_group() -> None:
    """§2.8: a bad group fails the whole call; it comes from our settings."""
    came = answer(400, {"message": "Invalid subscription group ID"})

    assert hold_of("unknown_group", came, USERS) == (Cause.CONFIGURATION, Scope.ACTION)


def test_row_two_kinds_of_address() -> None:
    """§2.8: never sent by us; if it is told all the same, the request is bisected."""
    message = "Either an email address or a phone number should be provided, but not both."

    assert refusal("two_kinds_of_address", answer(400, {"message": message}), USERS).reason is Reason.REFUSED


@pytest.mark.parametrize("message", ["Message Variant Unspecified", "No message to send", "Mismatched Message Type"])
def test_row_campaign_content(message: str) -> None:
    """§5: the message is made in Braze: configuration, not the record."""
    came = answer(400, {"message": message})

    assert hold_of("campaign_content", came, RECIPIENTS) == (Cause.CONFIGURATION, Scope.ACTION)


def test_row_no_recipients() -> None:
    """§5: the record's fault, once it is alone."""
    assert (
        refusal("no_recipients", answer(400, {"message": "No Recipients"}), RECIPIENTS).vendor_code == "NO_RECIPIENTS"
    )


def test_row_syntax() -> None:
    """§5: bisected, a lone one is rejected."""
    message = "Error while parsing request body. Please check your syntax."

    assert refusal("syntax", answer(400, {"message": message})).vendor_code == "SYNTAX"


@pytest.mark.parametrize("body", [{"message": "Bad Request"}, {"message": "new words"}, None, b"<html>"])
def test_row_bad_request(body: Any) -> None:
    """§5: anything else under 400 names nobody."""
    assert refusal("bad_request", answer(400, body)).reason is Reason.REFUSED


def test_row_too_large() -> None:
    """§5: 413 is bisected; a lone object is oversized."""
    assert refusal("too_large", answer(413)).reason is Reason.OVERSIZED


# -- nobody can proceed -------------------------------------------------------------------------


def test_row_unauthorised() -> None:
    """§5: 401 stops the sink; §1.2: its body echoes the key, which must not be told on."""
    empty = {"x_ratelimit_limit": "", "x_ratelimit_remaining": "", "x_ratelimit_reset": ""}
    came = answer(401, {"message": "Invalid API key: s3cret"}, **empty)

    assert hold_of("unauthorised", came) == (Cause.CREDENTIALS, Scope.SINK)
    assert "s3cret" not in repr(judge(came, EVENTS, PATIENCE))


@pytest.mark.parametrize("came", [answer(403, b"<!DOCTYPE html>"), answer(403, b"x", content_type="text/html")])
def test_row_edge_page(came: Answer) -> None:
    """§5: an HTML 403 is the firewall's, and may pass."""
    assert hold_of("edge_page", came) == (Cause.VENDOR_DOWN, Scope.SINK)


def test_row_forbidden() -> None:
    """§5: a permission of this endpoint, the IP list or the plan; other actions may go on."""
    assert hold_of("forbidden", answer(403, {"message": "Access Denied"})) == (Cause.CONFIGURATION, Scope.ACTION)


def test_row_wrong_address() -> None:
    """§5: our paths are right, so the base URL is not."""
    assert hold_of("wrong_address", answer(404)) == (Cause.CONFIGURATION, Scope.SINK)


@pytest.mark.parametrize("status", [405, 406, 415])
def test_row_wrong_protocol(status: int) -> None:
    """§5: method and content type are right, so it is not Braze."""
    assert hold_of("wrong_protocol", answer(status)) == (Cause.CONFIGURATION, Scope.SINK)


@pytest.mark.parametrize("status", [301, 302, 308])
def test_row_redirected(status: int) -> None:
    """§1.1: the REST host does not redirect."""
    assert hold_of("redirected", answer(status, location="https://elsewhere.example")) == (
        Cause.CONFIGURATION,
        Scope.SINK,
    )


def test_row_throttled() -> None:
    """§4: not processed; held for as long as the headers say, this endpoint only."""
    outcome = outcome_of("throttled", answer(429, {"message": "Rate limited"}, x_ratelimit_retry_after="3"))

    assert isinstance(outcome, Hold)
    assert (outcome.cause, outcome.scope, outcome.retry_after_s) == (Cause.THROTTLED, Scope.ACTION, 3.0)


# -- Braze may have acted -----------------------------------------------------------------------


def test_row_timed_out() -> None:
    """§5: 408 is ambiguous, and no sign of an outage."""
    outcome = outcome_of("timed_out", answer(408))

    assert outcome == Answered([Unsure(Reason.TIME_OUT, "408: Braze gave up on the request")] * 3)


def test_row_internal_error() -> None:
    """§5: 500 is ambiguous; it may be this endpoint's alone."""
    assert down("internal_error", answer(500)).scope is Scope.ACTION


def test_row_bad_gateway() -> None:
    """§5: 502 mostly did not reach the server, which nobody can prove."""
    assert down("bad_gateway", answer(502, b"<html>")).scope is Scope.SINK


def test_row_no_capacity() -> None:
    """§5: 503 wants a longer base, or what its Retry-After says."""
    assert down("no_capacity", answer(503)).retry_after_s == 10
    assert down("no_capacity", answer(503, retry_after="60")).retry_after_s == 60


def test_row_gateway_time_out() -> None:
    """§5: 504 was likely processed."""
    assert down("gateway_time_out", answer(504)).scope is Scope.SINK


@pytest.mark.parametrize("status", range(520, 528))
def test_row_edge_error(status: int) -> None:
    """§5: Cloudflare's own codes."""
    assert down("edge_error", answer(status)).scope is Scope.SINK


@pytest.mark.parametrize("status", [501, 505, 529, 599])
def test_row_server_error(status: int) -> None:
    """§5 does not know them: as ambiguous as any 5xx."""
    assert down("server_error", answer(status)).scope is Scope.SINK


@pytest.mark.parametrize("status", [402, 409, 410, 422, 451])
def test_row_client_error(status: int) -> None:
    """§5 does not know them: refused, nobody named."""
    assert refusal("client_error", answer(status)).vendor_code == "CLIENT_ERROR"


@pytest.mark.parametrize("status", [101, 600, 999])
def test_row_anything_else(status: int) -> None:
    """§5 does not know them, nor does HTTP: nobody can tell."""
    assert {type(verdict) for verdict in verdicts(answer(status))} == {Unsure}


def test_every_row_has_a_test_that_cites_its_section() -> None:
    """A row without a test, or a test that does not say where on the page it stands, fails here."""
    here = sys.modules[__name__]
    for row in TABLE:
        test = getattr(here, f"test_row_{row.name}", None)
        assert test is not None, f"the row {row.name} has no test"
        assert row.page in (test.__doc__ or ""), f"the test of {row.name} does not cite {row.page}"


def test_row_names_are_different() -> None:
    """Two rows of one name would share a test."""
    assert len({row.name for row in TABLE}) == len(TABLE)


# -- the rate headers ---------------------------------------------------------------------------

EPOCH = str(int(NOW.timestamp()) + 42)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry_after": "5", "x_ratelimit_retry_after": "9", "x_ratelimit_reset": EPOCH}, 5),
        ({"x_ratelimit_retry_after": "9", "x_ratelimit_reset": EPOCH}, 9),
        ({"x_ratelimit_reset": EPOCH}, 42),
        ({"x_ratelimit_reset": "30"}, 30),
        ({"retry_after": "Sun, 01 Mar 2026 10:00:20 GMT"}, 20),
        ({"retry_after": "", "x_ratelimit_reset": "30"}, 30),
        ({"retry_after": "soon", "x_ratelimit_retry_after": "x", "x_ratelimit_reset": ""}, None),
        ({}, None),
        ({"retry_after": "0"}, 1),
        ({"x_ratelimit_reset": str(int(NOW.timestamp()) - 60)}, 1),
        ({"retry_after": "86400"}, 3600),
        ({"x_ratelimit_reset": EPOCH, "date": "Sun, 01 Mar 2026 10:00:40 GMT"}, 2),
        ({"retry_after": "9" * 400}, None),
        ({"retry_after": "-5"}, None),
    ],
)
def test_both_dialects_of_the_rate_headers(headers: dict[str, str], wait_s: float | None) -> None:
    """§4: retry-after, then x-ratelimit-retry-after, then reset as a moment or as seconds; 1 s to 1 h."""
    assert PATIENCE.wait_s(answer(429, **headers).headers) == wait_s


def test_waits_are_spread() -> None:
    """§4: 0 to 10 % of jitter, on top of the clamp."""
    assert Patience(lambda: NOW, lambda: 1.0).wait_s({"retry-after": "100"}) == pytest.approx(110)


def test_a_used_up_window_holds_the_route() -> None:
    """§4: with nothing remaining, the deliveries count and the next request waits for the reset."""
    came = answer(201, success(), x_ratelimit_remaining="0", x_ratelimit_reset=EPOCH)

    outcome = judge(came, EVENTS, PATIENCE).outcome

    assert isinstance(outcome, Answered)
    assert outcome.verdicts == [DELIVERED] * 3
    assert outcome.hold is not None
    assert (outcome.hold.cause, outcome.hold.scope, outcome.hold.retry_after_s) == (Cause.THROTTLED, Scope.ACTION, 42)


@pytest.mark.parametrize("remaining", ["1", "", "none"])
def test_a_window_with_something_left_holds_nothing(remaining: str) -> None:
    """§4: empty and non-numeric values are tolerated."""
    came = answer(201, success(), x_ratelimit_remaining=remaining, x_ratelimit_reset=EPOCH)

    assert judge(came, EVENTS, PATIENCE).outcome == Answered([DELIVERED] * 3)


# -- codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("bad_location_update", "BAD_LOCATION_UPDATE"),
        ("'quantity' is not valid", "BAD_QUANTITY"),
        ("'currency' must be an ISO 4217 currency", "BAD_CURRENCY"),
        ("'external_id' or 'braze_id' or 'user_alias' is required", "NO_IDENTIFIER"),
        ("provided external_id is blacklisted and disallowed", "BLACKLISTED_EXTERNAL_USER_ID"),
        ("'external_id' must be fewer than 988 bytes", "EXTERNAL_USER_ID_TOO_LARGE"),
        ("The property '#/' contains additional properties [\"secret\"] outside", "SCHEMA_REJECTED"),
        ("a@example.com is odd", "UNKNOWN"),
        (None, "UNKNOWN"),
        (7, "UNKNOWN"),
    ],
)
def test_types_become_codes_of_a_closed_set(text: object, code: str) -> None:
    """§2.1: sentences and documented codes, whatever the case; what was sent is never told on."""
    assert code_of(text) == code


# -- the probe ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "came",
    [
        answer(200, {"message": "success", "campaigns": []}),
        answer(401, {"message": "You do not have permission to access this resource"}),
        answer(403, {"message": "You do not have permission to access this resource"}),
        answer(403, {"message": "Access Denied"}),
        answer(429),
        answer(400, {"message": "Bad Request"}),
    ],
)
def test_an_answer_of_the_application_is_a_sign_of_life(came: Answer) -> None:
    """§1.3: the read needs a permission of its own; a key without it may still write."""
    assert judge_probe(came, PATIENCE) is None


@pytest.mark.parametrize(
    ("came", "cause"),
    [
        (answer(401, {"message": "Invalid API key: k"}), Cause.CREDENTIALS),
        (answer(403, {"message": "Error authenticating credentials"}), Cause.CREDENTIALS),
        (answer(403, {"message": "Invalid whitelisted IPs"}), Cause.CONFIGURATION),
        (answer(403, b"<html>"), Cause.VENDOR_DOWN),
        (answer(404), Cause.CONFIGURATION),
        (answer(302), Cause.CONFIGURATION),
        (answer(200, b"<html>a portal</html>"), Cause.VENDOR_DOWN),
        (answer(408), Cause.VENDOR_DOWN),
        (answer(500), Cause.VENDOR_DOWN),
        (answer(503), Cause.VENDOR_DOWN),
        (NotSentError("refused"), Cause.VENDOR_DOWN),
        (NotSentError("not trusted", bad_certificate=True), Cause.CONFIGURATION),
        (AmbiguousError(Reason.TIME_OUT, "no answer in time"), Cause.VENDOR_DOWN),
    ],
)
def test_a_route_that_is_not_well_stays_held(came: Any, cause: Cause) -> None:
    """§5: by what the probe got."""
    hold = judge_probe(came, PATIENCE)

    assert hold is not None
    assert hold.cause is cause


# -- anything at all ----------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=10,
)
mistakes = st.fixed_dictionaries(
    {},
    optional={
        "type": json_values | st.just(BAD_EMAIL),
        "input_array": json_values | st.sampled_from(["events", "attributes", "purchases"]),
        "index": json_values | st.integers(-2, 5),
    },
)
grammar = st.fixed_dictionaries(
    {},
    optional={
        "message": json_values | st.sampled_from(["success", "queued", NOTHING_VALID, "Invalid Campaign ID"]),
        "notice": json_values | st.sampled_from(STOPPED),
        "status": json_values | st.sampled_from(["sent", "aborted"]),
        "errors": json_values | st.lists(mistakes | json_values, max_size=5),
        "dispatch_id": json_values,
    },
)
bodies = st.binary() | (grammar | json_values).map(lambda value: json.dumps(value).encode())
RATE = ["retry-after", "date", "x-ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-retry-after", "content-type"]
headers = st.dictionaries(st.sampled_from(RATE) | st.text(), st.text() | st.integers().map(str), max_size=6)
ARRAYS = ["events", "attributes", "purchases", "recipients", "message", "users", "emails"]
asked = st.builds(Asked, st.sampled_from(ARRAYS), st.integers(1, 75), st.booleans(), st.booleans())


@given(status=st.integers(100, 999), headers=headers, body=bodies, asked=asked, jitter=st.floats(0, 1))
def test_any_answer_has_an_outcome(
    status: int, headers: dict[str, str], body: bytes, asked: Asked, jitter: float
) -> None:
    """Whatever status, headers and bytes: an outcome with a verdict for each object, never an exception."""
    patience = Patience(lambda: NOW, lambda: jitter)
    for came in (Answer(status, headers, body), AmbiguousError(Reason.CONNECTION, "", status=status, headers=headers)):
        outcome = judge(came, asked, patience).outcome
        judge_probe(came, patience)

        if isinstance(outcome, Answered):
            assert len(outcome.verdicts) == asked.count
        hold = outcome if isinstance(outcome, Hold) else outcome.hold if isinstance(outcome, Answered) else None
        if hold is not None and hold.retry_after_s is not None:
            assert 1 <= hold.retry_after_s <= 3960


@given(body=bodies, asked=asked)
def test_only_a_success_delivers(body: bytes, asked: Asked) -> None:
    """§2.0, §2.7: without 2xx and the word, or a message's dispatch_id, nothing is delivered."""
    for status in (200, 400, 429, 500):
        outcome = judge(Answer(status, {}, body), asked, PATIENCE).outcome
        if isinstance(outcome, Answered) and any(isinstance(verdict, Delivered) for verdict in outcome.verdicts):
            assert status == 200
            said = json.loads(body)
            assert said.get("message") == "success" or (asked.array == "message" and said["dispatch_id"])
