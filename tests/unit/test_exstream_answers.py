"""Each row of the answer tables of exstream, as `test_row_<name>`, with the page's section."""

import json
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import AmbiguousError, NotSentError
from common.http import Answer
from common.reasons import Cause, Reason
from tests.support.exstream import PAGE_EMBEDDED, PAGE_GENERATED, PAGE_INVALID_KEY, PAGE_STARTED
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Refused, Scope, Unsure
from workers.sinks.exstream.answers import TABLES, Kind, judge, judge_probe
from workers.sinks.exstream.approvals import APPROVAL_TABLE, judge_approval
from workers.sinks.exstream.jobs import JobGone, JobSeen, JobState, judge_job
from workers.sinks.exstream.rules import Accepted, Doubt, Said, judged
from workers.sinks.exstream.sender import _outcome
from workers.vendors.exstream.moments import moment
from workers.vendors.exstream.patience import wait_s
from workers.vendors.exstream.reply import Reply
from workers.vendors.exstream.tokens import TOKEN_TABLE, Granted, NoToken, Tokens, judge_token, token_row

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
EVERY = list(Kind)
SENDING = [Kind.SEND, Kind.START]
UNTRUSTED = NotSentError("not trusted", bad_certificate=True)
TIMED_OUT = AmbiguousError(Reason.TIME_OUT, "no answer in time")
GENERATED = json.loads(PAGE_GENERATED)


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    match body:
        case None:
            raw = b""
        case bytes():
            raw = body
        case _:
            raw = (body if isinstance(body, str) else json.dumps(body)).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def said(kind: Kind, row: str, came: Any) -> Said:
    judgement = judge(kind, came, NOW)
    assert judgement.row == row
    return judgement.said


def cause(outcome: Any) -> Cause:
    """A hold is of the action: the feed does not depend on the host."""
    assert isinstance(outcome, Hold)
    assert outcome.scope is Scope.ACTION
    return outcome.cause


def reason(outcome: Said) -> Reason:
    assert isinstance(outcome, Refused)
    return outcome.reason


def doubt(outcome: Said) -> Doubt:
    assert isinstance(outcome, Doubt)
    return outcome


def failed(*codes: str, ok: int = 0) -> dict[str, Any]:
    """Shape 3 (§9), with so many outputs that went well."""
    errors = [{"errorMessage": "jane@acme.example", "statusCode": code, "engineOutputContext": {}} for code in codes]
    return {"status": "error", "data": [*errors, *GENERATED["data"] * ok]}


# -- nothing came back --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_row_untrusted(kind: Kind) -> None:
    """§9 #14: a certificate that is not trusted is a configuration to correct."""
    assert cause(said(kind, "untrusted", UNTRUSTED)) is Cause.CONFIGURATION


@pytest.mark.parametrize("kind", EVERY)
def test_row_not_sent(kind: Kind) -> None:
    """§9 #14: DNS, TLS handshake: nothing was sent."""
    assert cause(said(kind, "not_sent", NotSentError("refused"))) is Cause.VENDOR_DOWN


@pytest.mark.parametrize("kind", EVERY)
def test_row_no_answer(kind: Kind) -> None:
    """§9 #13: a read time-out or reset is ambiguous; a 2xx that broke off, too."""
    assert doubt(said(kind, "no_answer", TIMED_OUT)).unsure.reason is Reason.TIME_OUT
    assert doubt(said(kind, "no_answer", AmbiguousError(Reason.CONNECTION, "cut", status=200)))


def test_a_broken_refusal_is_still_a_refusal() -> None:
    """§9 #12: a 429 started nothing, whatever became of its body."""
    came = AmbiguousError(Reason.CONNECTION, "cut", status=429, headers={"retry-after": "7"})

    assert said(Kind.START, "throttled", came) == Hold(Cause.THROTTLED, Scope.ACTION, "429: too many requests", 7)


# -- inside the body ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("body", [PAGE_EMBEDDED, failed("403"), failed("401", "403")])
def test_row_engine_identity(kind: Kind, status: int, body: Any) -> None:
    """§2, §9 #6: an embedded 401 is the empowerUser's, whatever the HTTP status."""
    outcome = said(kind, "engine_identity", answer(status, body))

    assert cause(outcome) is Cause.CONFIGURATION


@pytest.mark.parametrize("kind", SENDING)
@pytest.mark.parametrize("body", [failed("400"), failed("500", ok=1), failed("401", ok=1), {"status": "error"}])
def test_row_engine_failure(kind: Kind, body: Any) -> None:
    """§9 #7: where generating sends, an inner failure does not say that nothing was sent."""
    outcome = doubt(said(kind, "engine_failure", answer(200, body)))

    assert "jane" not in repr(outcome)


@pytest.mark.parametrize("body", [failed("400", ok=1), failed("500", ok=2)])
def test_row_engine_partial(body: Any) -> None:
    """§9 #7: some outputs are there, some failed: made again where that is harmless."""
    assert doubt(said(Kind.DRAFT, "engine_partial", answer(200, body)))


@pytest.mark.parametrize("body", [failed("400"), failed("500", "400"), {"status": "error", "data": []}])
def test_row_engine_refused(body: Any) -> None:
    """§9 #7: the engine rejected the data, nothing was sent."""
    assert reason(said(Kind.DRAFT, "engine_refused", answer(200, body))) is Reason.INVALID_FIELD


# -- 2xx ----------------------------------------------------------------------------------------


def test_row_generated() -> None:
    """§2: the page's own answer, word for word; status and every statusCode are looked at."""
    outcome = said(Kind.SEND, "generated", answer(200, PAGE_GENERATED))

    assert outcome == Accepted({"queues": "PDF", "outputs": "1"})


def test_row_draft_generated() -> None:
    """§2: the same where generating is harmless."""
    assert isinstance(said(Kind.DRAFT, "draft_generated", answer(200, PAGE_GENERATED)), Accepted)


def test_row_drafted() -> None:
    """§2: Accept: application/json answers an Empower document's id."""
    outcome = said(Kind.DRAFT, "drafted", answer(200, {"documentId": "d-1"}))

    assert outcome == Accepted({"document_id": "d-1"}, "d-1")


@pytest.mark.parametrize("status", [200, 201, 202])
def test_row_started(status: int) -> None:
    """§3: the page's own answer: id is the flow instance, jobId the job; both are kept."""
    outcome = said(Kind.START, "started", answer(status, PAGE_STARTED))

    assert outcome == Accepted({"job_id": "<job uuid>", "flow_instance_id": "<flow instance uuid>"})


def test_one_post_may_start_several_flow_instances() -> None:
    """§3: a row for each published flow model on the channel."""
    rows = [{"id": f"i-{n}", "jobId": "j-1"} for n in range(2)]

    outcome = said(Kind.START, "started", answer(200, {"status": "success", "data": rows}))

    assert outcome == Accepted({"job_id": "j-1", "flow_instance_id": "i-0,i-1"})


def test_row_nothing_started() -> None:
    """§9 #15: empty data: no published flow model on this channel."""
    outcome = said(Kind.START, "nothing_started", answer(200, {"status": "success", "data": []}))

    assert cause(outcome) is Cause.CONFIGURATION


def test_row_answered() -> None:
    """§12: a named on-demand service may answer with the document itself."""
    assert isinstance(said(Kind.START, "answered", answer(200, PAGE_GENERATED)), Accepted)


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("body", ["<html>sign in</html>", None, b"\xff\xfe", "[1]"])
def test_row_login_page(status: int, body: Any) -> None:
    """§9 #20: a proxy's page where JSON is expected; nothing is lost by stopping."""
    assert cause(said(Kind.DRAFT, "login_page", answer(status, body))) is Cause.CONFIGURATION


@pytest.mark.parametrize("kind", SENDING)
@pytest.mark.parametrize("body", ["<html>", None, "{}", {"status": "failure", "message": "no"}, {"status": "success"}])
def test_row_unreadable(kind: Kind, body: Any) -> None:
    """§9 #20: where a request sends, an answer that nobody can read is ambiguous."""
    assert doubt(said(kind, "unreadable", answer(200, body))).hold is None


# -- nobody can proceed -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("body", [PAGE_INVALID_KEY, {"error": "invalid_client"}])
def test_row_key_refused(kind: Kind, body: Any) -> None:
    """§1, §9 #3: the gateway's fault, word for word, and OAuth's."""
    assert cause(said(kind, "key_refused", answer(400, body))) is Cause.CREDENTIALS


@pytest.mark.parametrize("kind", EVERY)
def test_row_unauthorised(kind: Kind) -> None:
    """§9 #1: 401 after the one renewal."""
    assert cause(said(kind, "unauthorised", answer(401, {"error": "Unauthorized"}))) is Cause.CREDENTIALS


@pytest.mark.parametrize("kind", EVERY)
def test_row_forbidden(kind: Kind) -> None:
    """§9 #4: no access to the domain, or CSRF is missing."""
    assert cause(said(kind, "forbidden", answer(403))) is Cause.CONFIGURATION


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [404, 405, 406, 415])
def test_row_no_such_path(kind: Kind, status: int) -> None:
    """§9 #8: base path, domain or service."""
    assert cause(said(kind, "no_such_path", answer(status))) is Cause.CONFIGURATION


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [301, 302, 308])
def test_row_redirected(kind: Kind, status: int) -> None:
    """§1: hosts come from settings only."""
    assert cause(said(kind, "redirected", answer(status, location="https://elsewhere.example"))) is Cause.CONFIGURATION


@pytest.mark.parametrize("kind", EVERY)
def test_row_throttled(kind: Kind) -> None:
    """§9 #12: 429 is not ambiguous; a minute without a hint."""
    assert said(kind, "throttled", answer(429)) == Hold(Cause.THROTTLED, Scope.ACTION, "429: too many requests", 60)


@pytest.mark.parametrize("kind", EVERY)
def test_row_no_capacity(kind: Kind) -> None:
    """§9 #12: 503 is not ambiguous."""
    outcome = said(kind, "no_capacity", answer(503, retry_after="5"))

    assert outcome == Hold(Cause.VENDOR_DOWN, Scope.ACTION, "503: overloaded, or restarting", 5)


# -- the request is refused ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("body", [None, "<html>", {"status": 400, "message": "jane@acme.example", "errorCode": 1}])
def test_row_bad_request(kind: Kind, status: int, body: Any) -> None:
    """§9 #5: wrong header, unknown id, malformed data; what the text echoes is not passed on."""
    outcome = said(kind, "bad_request", answer(status, body))

    assert reason(outcome) is Reason.INVALID_FIELD
    assert "jane" not in repr(outcome)


@pytest.mark.parametrize("kind", EVERY)
def test_row_conflict(kind: Kind) -> None:
    """§9 #9: 409 with its errorCode is the record's."""
    outcome = said(kind, "conflict", answer(409, {"errorCode": 309016}))

    assert reason(outcome) is Reason.REFUSED
    assert isinstance(outcome, Refused)
    assert outcome.vendor_code == "309016"


@pytest.mark.parametrize("kind", EVERY)
def test_row_too_large(kind: Kind) -> None:
    """§9 #19: input too large."""
    assert reason(said(kind, "too_large", answer(413))) is Reason.OVERSIZED


# -- it may have been taken ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_row_timed_out(kind: Kind) -> None:
    """§9 #13: 408 is a time-out."""
    assert doubt(said(kind, "timed_out", answer(408))).unsure.reason is Reason.TIME_OUT


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("details", ["HttpHostConnectException: Connect to otds", "Connection refused", "OTDS is away"])
def test_row_dependency_down(kind: Kind, details: str) -> None:
    """§9 #10: an internal dependency is down: ambiguous, and not well."""
    outcome = doubt(said(kind, "dependency_down", answer(500, {"error": "Internal Server Error", "details": details})))

    assert cause(outcome.hold) is Cause.VENDOR_DOWN


@pytest.mark.parametrize("kind", EVERY)
def test_row_engine_error(kind: Kind) -> None:
    """§9 #11: the engine or a flow failed: ambiguous, and this record's for all we know."""
    assert doubt(said(kind, "engine_error", answer(500, {"error": "Internal Server Error"}))).hold is None


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [501, 502, 504, 599])
def test_row_gateway(kind: Kind, status: int) -> None:
    """§9 #12: 502 and 504 are ambiguous."""
    assert cause(doubt(said(kind, "gateway", answer(status, "<html>"))).hold) is Cause.VENDOR_DOWN


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [402, 410, 451])
def test_row_client_error(kind: Kind, status: int) -> None:
    """§9 does not know them: refused, for an unknown reason."""
    assert reason(said(kind, "client_error", answer(status))) is Reason.REFUSED


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [100, 101, 600, 999])
def test_row_anything_else(kind: Kind, status: int) -> None:
    """§9: not an answer of HTTP that anybody knows."""
    assert doubt(said(kind, "anything_else", answer(status)))


# -- approval -----------------------------------------------------------------------------------


def approval(row: str, came: Any) -> Hold | None:
    assert judged(Reply(came), APPROVAL_TABLE, NOW).row == row
    return judge_approval(came, "product_brochure", "u-1", NOW)


@pytest.mark.parametrize(
    "body", [{"state": "APPROVED"}, {"data": {"state": "APPROVED"}}, {"data": [{"state": "APPROVED"}]}]
)
def test_row_approved(body: Any) -> None:
    """§5.2: only APPROVED content is used; §5.1 does not show what is around a resource."""
    assert approval("approved", answer(200, body)) is None


@pytest.mark.parametrize("state", ["DRAFT", "REVIEW", "REJECTED", "ARCHIVED"])
def test_row_not_approved(state: str) -> None:
    """§5.3: a configuration fault that names the communication."""
    hold = approval("not_approved", answer(200, {"state": state}))

    assert cause(hold) is Cause.CONFIGURATION
    assert "product_brochure" in str(hold)


def test_row_approval_untrusted() -> None:
    """§9 #14."""
    assert cause(approval("approval_untrusted", UNTRUSTED)) is Cause.CONFIGURATION


@pytest.mark.parametrize("came", [NotSentError("refused"), TIMED_OUT])
def test_row_approval_not_sent(came: Any) -> None:
    """§9 #14: reading is harmless, so nothing is in doubt."""
    assert cause(approval("approval_not_sent", came)) is Cause.VENDOR_DOWN


def test_row_approval_unauthorised() -> None:
    """§9 #1."""
    assert cause(approval("approval_unauthorised", answer(401))) is Cause.CREDENTIALS


def test_row_approval_forbidden() -> None:
    """§9 #4: an identity without the design service has a switch."""
    assert "check_approval" in str(approval("approval_forbidden", answer(403)))


@pytest.mark.parametrize("status", [400, 404, 405])
def test_row_approval_unknown(status: int) -> None:
    """§9 #8: a wrong id, domain or base path."""
    assert cause(approval("approval_unknown", answer(status))) is Cause.CONFIGURATION


def test_row_approval_redirected() -> None:
    """§1."""
    assert cause(approval("approval_redirected", answer(302))) is Cause.CONFIGURATION


@pytest.mark.parametrize("status", [429, 503])
def test_row_approval_busy(status: int) -> None:
    """§9 #12."""
    assert cause(approval("approval_busy", answer(status))) is Cause.THROTTLED


@pytest.mark.parametrize("came", [answer(500), answer(200, "<html>"), answer(200, {"state": 7}), answer(200, "[]")])
def test_row_approval_away(came: Answer) -> None:
    """§9 #10: no state that can be read."""
    assert cause(approval("approval_away", came)) is Cause.VENDOR_DOWN


# -- tokens -------------------------------------------------------------------------------------


def token_cause(row: str, came: Any) -> Cause:
    assert token_row(Reply(came)).name == row
    outcome = judge_token(came, NOW)
    assert isinstance(outcome, NoToken)
    return outcome.cause


def test_a_token_is_granted() -> None:
    """§1: access_token with its life; 15 minutes when it does not say."""
    assert judge_token(answer(200, {"access_token": "t", "expires_in": 60}), NOW) == Granted("t", 60)
    assert judge_token(answer(200, {"access_token": "t"}), NOW) == Granted("t", 900)
    assert "t0ken" not in repr(judge_token(answer(200, {"access_token": "t0ken"}), NOW))


@pytest.mark.parametrize(("life_s", "used_s"), [(900, 720), (200, 140), (60, 30), (3600, 2880)])
def test_a_token_is_never_sent_near_its_end(life_s: float, used_s: float) -> None:
    """§1: never with less than 60 s left, nor past 80 % of its life."""
    assert Granted("t", life_s).used_s == used_s


def test_row_token_untrusted() -> None:
    """§9 #14."""
    assert token_cause("token_untrusted", UNTRUSTED) is Cause.CONFIGURATION


@pytest.mark.parametrize("came", [NotSentError("refused"), TIMED_OUT])
def test_row_token_no_answer(came: Any) -> None:
    """§9 #14: asking again is harmless, so nothing is in doubt."""
    assert token_cause("token_no_answer", came) is Cause.VENDOR_DOWN


@pytest.mark.parametrize(
    "came", [answer(401, PAGE_INVALID_KEY), answer(200, PAGE_INVALID_KEY), answer(400, {"error": "invalid_client"})]
)
def test_row_token_key_refused(came: Answer) -> None:
    """§1, §9 #3: Invalid ApiKey, invalid_client."""
    assert token_cause("token_key_refused", came) is Cause.CREDENTIALS


@pytest.mark.parametrize("status", [400, 401, 403])
def test_row_token_unauthorised(status: int) -> None:
    """§9 #3."""
    assert token_cause("token_unauthorised", answer(status)) is Cause.CREDENTIALS


def test_row_token_redirected() -> None:
    """§1."""
    assert token_cause("token_redirected", answer(302)) is Cause.CONFIGURATION


@pytest.mark.parametrize("status", [429, 503])
def test_row_token_busy(status: int) -> None:
    """§9 #12."""
    assert token_cause("token_busy", answer(status)) is Cause.THROTTLED


def test_row_token_no_such_path() -> None:
    """§9 #8: a wrong tenant."""
    assert token_cause("token_no_such_path", answer(404)) is Cause.CONFIGURATION


@pytest.mark.parametrize("came", [answer(500), answer(200), answer(200, {"access_token": "a\nb"}), answer(200, "[]")])
def test_row_token_unreadable(came: Answer) -> None:
    """§9 #20: no token that fits a header."""
    assert token_cause("token_unreadable", came) is Cause.VENDOR_DOWN


def test_threads_share_one_renewal() -> None:
    """Whoever finds the token refused asks; the others wait and take what came of it."""
    asked: list[int] = []
    everybody = threading.Barrier(8)
    tokens = Tokens(lambda: 0.0)

    def ask() -> Granted:
        asked.append(1)
        return Granted(f"t{len(asked)}", 900)

    def renew() -> Any:
        everybody.wait(5)
        return tokens.other_than("t1", ask)

    first = tokens.other_than(None, ask)
    with ThreadPoolExecutor(8) as pool:
        found = {each.result() for each in [pool.submit(renew) for _ in range(8)]}

    assert first == "t1"
    assert found == {"t2"}
    assert len(asked) == 2
    assert (tokens.is_old("t1"), tokens.is_old("t2")) == (True, False)


# -- jobs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["complete", "error", "canceled", "deleted"])
def test_a_job_ends(state: str) -> None:
    """§4.1, §9 #16: four states are final, an error is a business result."""
    seen = judge_job(answer(200, {"status": "success", "data": {"id": "j-1", "status": state}}), NOW)

    assert isinstance(seen, JobSeen)
    assert (seen.id, seen.state, seen.state.is_final) == ("j-1", state, True)


@pytest.mark.parametrize("state", ["uninitialized", "started", "waiting", "holding", "finishing", "brand-new"])
def test_a_job_goes_on(state: str) -> None:
    """§4.5, §9 #17: holding waits for a person and is no failure; a state nobody knows is not final."""
    seen = judge_job(answer(200, {"status": "success", "data": {"id": "j-1", "status": state}}), NOW)

    assert isinstance(seen, JobSeen)
    assert not seen.state.is_final
    assert seen.state in (state, JobState.UNKNOWN)


def test_a_job_was_wiped() -> None:
    """§9 #18: 404 after it was accepted: nobody will ever tell."""
    assert judge_job(answer(404, {"status": 404, "error": "Not Found"}), NOW) == JobGone()


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (answer(404, "<html>"), Cause.CONFIGURATION),
        (answer(401), Cause.CREDENTIALS),
        (answer(500), Cause.VENDOR_DOWN),
        (answer(200, {"status": "success", "data": []}), Cause.VENDOR_DOWN),
        (TIMED_OUT, Cause.VENDOR_DOWN),
    ],
)
def test_a_job_that_cannot_be_seen_is_asked_for_again(came: Any, expected: Cause) -> None:
    """A page of something else is not a wiped job."""
    assert cause(judge_job(came, NOW)) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1719912345678, datetime(2024, 7, 2, 9, 25, 45, 678000, UTC)),
        ("2024-07-02T09:25:45.678Z", datetime(2024, 7, 2, 9, 25, 45, 678000, UTC)),
        ("2024-07-02T09:25:45", datetime(2024, 7, 2, 9, 25, 45, tzinfo=UTC)),
        (None, None),
        ("soon", None),
        (-1, None),
        (1e30, None),
        (True, None),
    ],
)
def test_times_are_numbers_or_texts(value: Any, expected: datetime | None) -> None:
    """§3: epoch milliseconds although the OpenAPI says date-time: both, everywhere."""
    assert moment(value) == expected


# -- probes and waits ---------------------------------------------------------------------------


def test_the_probe_is_content_with_a_list_of_jobs() -> None:
    """§4.1: this token, this domain."""
    assert judge_probe(answer(200, {"status": "success", "data": [], "page": {}}), NOW) is None


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (answer(401), Cause.CREDENTIALS),
        (answer(403), Cause.CONFIGURATION),
        (answer(404), Cause.CONFIGURATION),
        (answer(500), Cause.VENDOR_DOWN),
        (answer(200, "<html>"), Cause.VENDOR_DOWN),
        (TIMED_OUT, Cause.VENDOR_DOWN),
    ],
)
def test_a_probe_tells_what_is_wrong(came: Any, expected: Cause) -> None:
    """Refused credentials, no access, a wrong domain, an outage, a page."""
    assert cause(judge_probe(came, NOW)) is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"retry-after": "soon"}, 60),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "999999"}, 3600),
        ({"retry-after": "Sun, 01 Mar 2026 10:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 01 Mar 2026 10:00:30 GMT", "date": "Sun, 01 Mar 2026 10:00:20 GMT"}, 10),
    ],
)
def test_how_long_to_wait(headers: Mapping[str, str], seconds: float) -> None:
    """§9 #12: Retry-After in both forms, by the vendor's own clock, within bounds; else a minute."""
    assert wait_s(headers, NOW) == seconds


# -- every row, any answer ----------------------------------------------------------------------


def test_every_row_has_a_test() -> None:
    """A row that nobody tests is a row that nobody knows."""
    here = vars(sys.modules[__name__])
    tables = [[row.name for row in table] for table in [*TABLES.values(), APPROVAL_TABLE]]
    tables.append([row.name for row in TOKEN_TABLE])
    rows = {name for table in tables for name in table}

    assert sorted(name for name in rows if f"test_row_{name}" not in here) == []
    assert all(len(set(table)) == len(table) for table in tables)


@pytest.mark.parametrize("number", range(1, 21))
def test_every_row_of_the_page_s_table_is_cited(number: int) -> None:
    """§9 has twenty rows: each stands in a table here, in the tests of jobs, or (2) is the caller's renewal."""
    cited = {row.page for table in [*TABLES.values(), APPROVAL_TABLE] for row in table}
    cited |= {row.page for row in TOKEN_TABLE}
    elsewhere = {2: "test_an_expired_token_may_look_like_a_500", 16: "jobs", 17: "jobs", 18: "jobs"}

    assert number in elsewhere or any(f"#{number}" in page.replace(",", " ").split() for page in cited)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = [
    "status", "data", "id", "jobId", "documentId", "statusCode", "errorMessage", "error", "errorCode", "fault", "state",
    "access_token", "expires_in", "content", "mimeType", "engineOutputContext", "startDate", "details",
]  # fmt: skip
words = st.sampled_from(["success", "error", "failure", "401", 401, "200", 500, "APPROVED", "DRAFT", "x-1", "started"])
grammar = st.recursive(
    json_values | words,
    lambda inner: st.dictionaries(st.sampled_from(names), inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=12,
)
bodies = st.binary() | (grammar | json_values).map(lambda value: json.dumps(value).encode())
headers_ = st.dictionaries(
    st.sampled_from(["retry-after", "date", "content-type"]) | st.text(), st.text() | st.integers().map(str), max_size=4
)


@given(status=st.integers(100, 999), headers=headers_, body=bodies)
def test_any_answer_has_an_outcome(status: int, headers: dict[str, str], body: bytes) -> None:
    """Whatever status, headers and bytes: an outcome of the delivery contract, never an exception."""
    for came in (Answer(status, headers, body), AmbiguousError(Reason.CONNECTION, "", status=status, headers=headers)):
        judge_probe(came, NOW)
        judge_token(came, NOW)
        judge_approval(came, "n", "u", NOW)
        judge_job(came, NOW)
        for kind in Kind:
            outcome = _outcome(judge(kind, came, NOW).said, is_harmless=kind is Kind.DRAFT)
            assert isinstance(outcome, Answered | Hold | Refused)
            hold = outcome if isinstance(outcome, Hold) else outcome.hold if isinstance(outcome, Answered) else None
            if hold is not None and hold.retry_after_s is not None:
                assert 1 <= hold.retry_after_s <= 3600
            if isinstance(outcome, Answered):
                (only,) = outcome.verdicts
                assert isinstance(only, Delivered | (Deferred if kind is Kind.DRAFT else Unsure))


@given(kind=st.sampled_from(SENDING), status=st.integers(100, 999), body=bodies)
def test_nothing_that_may_have_been_sent_is_called_failed(kind: Kind, status: int, body: bytes) -> None:
    """Only a 4xx refuses: whatever else was not accepted is a hold that the page calls unambiguous, or unsure."""
    outcome = judge(kind, Answer(status, {}, body), NOW)
    if isinstance(outcome.said, Refused):
        assert 400 <= status < 500
    if isinstance(outcome.said, Hold) and 200 <= status < 300:
        assert outcome.row in ("engine_identity", "nothing_started")
    if isinstance(outcome.said, Accepted):
        assert 200 <= status < 300


@given(status=st.integers(100, 999), body=bodies)
def test_only_success_delivers(status: int, body: bytes) -> None:
    """§2: status and each statusCode are looked at."""
    if isinstance(judge(Kind.SEND, Answer(status, {}, body), NOW).said, Accepted):
        value = json.loads(body)
        assert value["status"] == "success"
        codes = [row.get("statusCode") for row in value["data"] if isinstance(row, dict)]
        assert all(code in (None, "", "200", 0) or (isinstance(code, int) and code < 300) for code in codes)
