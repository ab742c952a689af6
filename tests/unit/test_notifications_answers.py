"""Each row of the three answer tables of notifications, as `test_row_<name>`, with the page's section."""

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
from tests.support.notifications import endpoint, messaging
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Refused, Scope, Unsure
from workers.sinks.notifications.alert_answers import judge_alert, judge_health, table
from workers.sinks.notifications.answers import TABLE, judge, judge_probe
from workers.sinks.notifications.audience import Recipient
from workers.sinks.notifications.jobs import Send
from workers.sinks.notifications.parameters import Channel
from workers.sinks.notifications.rules import Accepted, Collided, Doubt, Said, judged
from workers.sinks.notifications.tally import Tally
from workers.sinks.notifications.tokens import TOKEN_TABLE, Tokens, judge_token
from workers.vendors.notifications.reply import Reply
from workers.vendors.notifications.tokens import Granted

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
ENDPOINT = endpoint()
UNTRUSTED = NotSentError("not trusted", bad_certificate=True)
TIMED_OUT = AmbiguousError(Reason.TIME_OUT, "no answer in time")
API_KEY = {"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}}


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def said(row: str, came: Any) -> Said:
    judgement = judge(came, NOW)
    assert judgement.row == row
    return judgement.said


def alert_said(row: str, came: Any) -> Said:
    judgement = judge_alert(came, ENDPOINT, NOW)
    assert judgement.row == row
    return judgement.said


def cause(outcome: Said) -> Cause:
    """A hold is of the action: nothing else depends on the host."""
    assert isinstance(outcome, Hold)
    assert outcome.scope is Scope.ACTION
    return outcome.cause


def reason(outcome: Said) -> Reason:
    assert isinstance(outcome, Refused)
    return outcome.reason


def doubt(outcome: Said) -> Doubt:
    assert isinstance(outcome, Doubt)
    return outcome


def token_cause(row: str, came: Any) -> Cause:
    outcome = judge_token(came, NOW)
    assert isinstance(outcome, Hold)
    assert judged(Reply(came), TOKEN_TABLE, NOW).row == row
    return cause(outcome)


# -- the messaging platform: nothing came back --------------------------------------------------


def test_row_untrusted() -> None:
    """§9 #18: TLS: a configuration to correct."""
    assert cause(said("untrusted", UNTRUSTED)) is Cause.CONFIGURATION


def test_row_not_sent() -> None:
    """§9 #18: DNS, connect refused: nothing was sent."""
    assert cause(said("not_sent", NotSentError("refused"))) is Cause.VENDOR_DOWN


def test_row_no_answer() -> None:
    """§9 #12: a time-out or reset after the send is ambiguous."""
    assert doubt(said("no_answer", TIMED_OUT)).unsure.reason is Reason.TIME_OUT


def test_a_broken_refusal_is_still_a_refusal() -> None:
    """§9 #11: a 429 was not accepted, whatever became of its body."""
    came = AmbiguousError(Reason.CONNECTION, "cut", status=429, headers={"retry-after": "7"})

    assert said("throttled", came) == Hold(Cause.THROTTLED, Scope.ACTION, "429: too many requests", 7)


def test_a_broken_success_is_no_answer() -> None:
    """§9 #13: a 2xx without its whole body has no job_id."""
    assert doubt(said("no_answer", AmbiguousError(Reason.CONNECTION, "cut", status=200)))


# -- what the id says ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["job_id", "JobId"])
@pytest.mark.parametrize("status", [200, 400, 409])
def test_row_repeat(name: str, status: int) -> None:
    """§3, §9 #7: 2050 is success, and names the original job."""
    came = answer(status, {name: "xsi-7", "StatusCode": 0, "ErrorCode": 2050})

    assert said("repeat", came) == Accepted("xsi-7", is_repeat=True)


def test_row_repeat_unnamed() -> None:
    """§9 #7: success all the same without the original job's id."""
    assert said("repeat_unnamed", answer(400, {"errors": [{"code": "2050"}]})) == Accepted("", is_repeat=True)


@pytest.mark.parametrize("body", [{"ErrorCode": 2051}, {"code": "2051"}, {"errors": [{"code": 2051}]}])
def test_row_collision(body: Any) -> None:
    """§3, §9 #8: another customer's id, whatever form the error has."""
    assert said("collision", answer(400, body)) == Collided()


# -- 2xx ----------------------------------------------------------------------------------------


def test_row_partial() -> None:
    """§9 #14: StatusCode 2 names no part here: nobody can tell."""
    assert doubt(said("partial", answer(200, {"job_id": "xsi-1", "StatusCode": 2})))


def test_row_soap_failure() -> None:
    """§6: StatusCode 1 is a failure, whatever the HTTP status."""
    assert reason(said("soap_failure", answer(200, {"StatusCode": 1, "ErrorCode": 9}))) is Reason.REFUSED


@pytest.mark.parametrize("body", [{"job_id": "xsi2-44417320"}, {"job_id": "xsi2-44417320", "StatusCode": 0}])
def test_row_accepted(body: Any) -> None:
    """§2.4: 200 and a job_id: accepted for processing."""
    assert said("accepted", answer(200, body)) == Accepted("xsi2-44417320")


@pytest.mark.parametrize("body", [None, b"<html>", {}, [], {"job_id": None}, {"job_id": ""}, {"job_id": True}, b"\xff"])
def test_row_unreadable(body: Any) -> None:
    """§9 #13: 200 without job_id, or not JSON."""
    assert doubt(said("unreadable", answer(200, body))).hold is None


# -- nobody can proceed -------------------------------------------------------------------------


@pytest.mark.parametrize("body", [API_KEY, {"error": "invalid_client"}])
def test_row_key_refused(body: Any) -> None:
    """§1, §9 #2: the gateway's fault and OAuth's error are the credentials', whatever the status."""
    assert cause(said("key_refused", answer(400, body))) is Cause.CREDENTIALS


def test_row_unauthorised() -> None:
    """§9 #1, #2: 401, after the one renewal where there are tokens."""
    assert cause(said("unauthorised", answer(401, {"message": "no"}))) is Cause.CREDENTIALS


def test_row_forbidden() -> None:
    """§9 #3: channel not enabled, or another region."""
    assert cause(said("forbidden", answer(403))) is Cause.CONFIGURATION


@pytest.mark.parametrize("status", [404, 405, 406, 415])
def test_row_no_such_path(status: int) -> None:
    """§9 #5: wrong base, region or channel path."""
    assert cause(said("no_such_path", answer(status))) is Cause.CONFIGURATION


@pytest.mark.parametrize("status", [301, 302, 308])
def test_row_redirected(status: int) -> None:
    """§1: hosts come from settings only."""
    assert cause(said("redirected", answer(status, location="https://elsewhere.example"))) is Cause.CONFIGURATION


def test_row_throttled() -> None:
    """§9 #11: a minute without a hint."""
    assert said("throttled", answer(429)) == Hold(Cause.THROTTLED, Scope.ACTION, "429: too many requests", 60)


def test_row_no_capacity() -> None:
    """§9 #11: 503 is not ambiguous, by the page's word."""
    outcome = said("no_capacity", answer(503, retry_after="5"))

    assert cause(outcome) is Cause.VENDOR_DOWN
    assert isinstance(outcome, Hold)
    assert outcome.retry_after_s == 5


# -- the request is refused ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("body", [None, b"<html>", {"errors": [{"code": "X9", "message": "jane@acme.example"}]}])
def test_row_bad_request(status: int, body: Any) -> None:
    """§9 #4: a field or an address; what the text echoes is not passed on."""
    outcome = said("bad_request", answer(status, body))

    assert reason(outcome) is Reason.INVALID_FIELD
    assert "jane" not in repr(outcome)


def test_row_conflict() -> None:
    """§9 #9: 409 without 2050 is the record's."""
    assert reason(said("conflict", answer(409))) is Reason.REFUSED


def test_row_too_large() -> None:
    """§9 #10: split, or the record's."""
    assert reason(said("too_large", answer(413))) is Reason.OVERSIZED


# -- it may have been accepted ------------------------------------------------------------------


def test_row_timed_out() -> None:
    """§9 #12: 408 is a time-out."""
    assert doubt(said("timed_out", answer(408))).unsure.reason is Reason.TIME_OUT


@pytest.mark.parametrize("status", [500, 501, 502, 504, 599])
def test_row_server_error(status: int) -> None:
    """§9 #12: ambiguous, and the host is not well."""
    outcome = doubt(said("server_error", answer(status, b"<html>")))

    assert outcome.hold is not None
    assert outcome.hold.cause is Cause.VENDOR_DOWN


@pytest.mark.parametrize("status", [402, 410, 451])
def test_row_client_error(status: int) -> None:
    """§9 does not know them: refused, for an unknown reason."""
    assert reason(said("client_error", answer(status))) is Reason.REFUSED


@pytest.mark.parametrize("status", [100, 101, 600, 999])
def test_row_anything_else(status: int) -> None:
    """§9: not an answer of HTTP that anybody knows."""
    assert doubt(said("anything_else", answer(status)))


# -- a site's own alert system ------------------------------------------------------------------


def test_row_alert_done_already() -> None:
    """§7.3 already_done: 409 whose body says duplicate."""
    assert alert_said("alert_done_already", answer(409, {"message": "Duplicate", "id": "al-1"})) == Accepted(
        "al-1", is_repeat=True
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_row_alert_accepted(status: int) -> None:
    """§7.3 success: by status alone; the id comes along where there is one."""
    assert alert_said("alert_accepted", answer(status)) == Accepted("")
    assert alert_said("alert_accepted", answer(status, {"id": 7})) == Accepted("7")


def test_row_alert_untrusted() -> None:
    """§9 #18: nothing goes to a host that cannot prove who it is."""
    assert cause(alert_said("alert_untrusted", UNTRUSTED)) is Cause.CONFIGURATION


def test_row_alert_not_sent() -> None:
    """§9 #18: nothing was sent."""
    assert cause(alert_said("alert_not_sent", NotSentError("refused"))) is Cause.VENDOR_DOWN


def test_row_alert_no_answer() -> None:
    """§9 #12: it left."""
    assert doubt(alert_said("alert_no_answer", TIMED_OUT))


def test_row_alert_unexpected() -> None:
    """§9 #13: a 2xx that the site did not name."""
    assert doubt(alert_said("alert_unexpected", answer(206)))


def test_row_alert_unauthorised() -> None:
    """§9 #2: header, signature or clock."""
    assert cause(alert_said("alert_unauthorised", answer(401))) is Cause.CREDENTIALS


def test_row_alert_forbidden() -> None:
    """§9 #3: the same in other words."""
    assert cause(alert_said("alert_forbidden", answer(403))) is Cause.CREDENTIALS


@pytest.mark.parametrize("status", [404, 405, 406, 415])
def test_row_alert_no_such_path(status: int) -> None:
    """§9 #5: url or method."""
    assert cause(alert_said("alert_no_such_path", answer(status))) is Cause.CONFIGURATION


def test_row_alert_redirected() -> None:
    """§1: never followed."""
    assert cause(alert_said("alert_redirected", answer(307))) is Cause.CONFIGURATION


def test_row_alert_throttled() -> None:
    """§9 #11."""
    assert cause(alert_said("alert_throttled", answer(429))) is Cause.THROTTLED


def test_row_alert_no_capacity() -> None:
    """§9 #11."""
    assert cause(alert_said("alert_no_capacity", answer(503))) is Cause.VENDOR_DOWN


@pytest.mark.parametrize("status", [400, 422])
def test_row_alert_bad_request(status: int) -> None:
    """§9 #4: the record's."""
    assert reason(alert_said("alert_bad_request", answer(status))) is Reason.INVALID_FIELD


def test_row_alert_conflict() -> None:
    """§9 #9: a 409 that does not say duplicate."""
    assert reason(alert_said("alert_conflict", answer(409, {"message": "closed"}))) is Reason.REFUSED


def test_row_alert_too_large() -> None:
    """§9 #10."""
    assert reason(alert_said("alert_too_large", answer(413))) is Reason.OVERSIZED


def test_row_alert_timed_out() -> None:
    """§9 #12."""
    assert doubt(alert_said("alert_timed_out", answer(408)))


def test_row_alert_server_error() -> None:
    """§9 #12: ambiguous, and not well."""
    assert doubt(alert_said("alert_server_error", answer(500))).hold is not None


def test_row_alert_client_error() -> None:
    """§9: unknown, and refused."""
    assert reason(alert_said("alert_client_error", answer(418))) is Reason.REFUSED


def test_row_alert_anything_else() -> None:
    """§9: unknown."""
    assert doubt(alert_said("alert_anything_else", answer(700)))


# -- tokens -------------------------------------------------------------------------------------


def test_a_token_is_granted() -> None:
    """§1: access_token with its life; 15 minutes when it does not say."""
    assert judge_token(answer(200, {"access_token": "t", "expires_in": 60}), NOW) == Granted("t", 60)
    assert judge_token(answer(200, {"access_token": "t"}), NOW) == Granted("t", 900)
    assert "t0ken" not in repr(judge_token(answer(200, {"access_token": "t0ken"}), NOW))


def test_row_token_untrusted() -> None:
    """§9 #18."""
    assert token_cause("token_untrusted", UNTRUSTED) is Cause.CONFIGURATION


@pytest.mark.parametrize("came", [NotSentError("refused"), TIMED_OUT])
def test_row_token_no_answer(came: Any) -> None:
    """§9 #18: asking again is harmless, so nothing is in doubt."""
    assert token_cause("token_no_answer", came) is Cause.VENDOR_DOWN


@pytest.mark.parametrize("came", [answer(401, API_KEY), answer(200, API_KEY), answer(400, {"error": "invalid_client"})])
def test_row_token_key_refused(came: Answer) -> None:
    """§1, §9 #2: Invalid ApiKey, invalid_client."""
    assert token_cause("token_key_refused", came) is Cause.CREDENTIALS


@pytest.mark.parametrize("status", [400, 401, 403])
def test_row_token_unauthorised(status: int) -> None:
    """§9 #2."""
    assert token_cause("token_unauthorised", answer(status)) is Cause.CREDENTIALS


def test_row_token_redirected() -> None:
    """§1."""
    assert token_cause("token_redirected", answer(302)) is Cause.CONFIGURATION


@pytest.mark.parametrize("status", [429, 503])
def test_row_token_busy(status: int) -> None:
    """§9 #11."""
    assert token_cause("token_busy", answer(status)) is Cause.THROTTLED


def test_row_token_no_such_path() -> None:
    """§9 #5: a wrong tenant."""
    assert token_cause("token_no_such_path", answer(404)) is Cause.CONFIGURATION


@pytest.mark.parametrize("came", [answer(500), answer(200), answer(200, {"access_token": "a\nb"}), answer(200, [])])
def test_row_token_unreadable(came: Answer) -> None:
    """§9 #12: no token that fits a header."""
    assert token_cause("token_unreadable", came) is Cause.VENDOR_DOWN


def test_threads_share_one_renewal() -> None:
    """Whoever finds the token refused asks; the others wait and take what came of it, good or bad."""
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


# -- probes and waits ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 400])
def test_the_api_may_say_that_it_has_no_such_job(status: int) -> None:
    """§4, §9 #6: 2060, whatever its status."""
    assert judge_probe(answer(status, {"ErrorCode": 2060}), NOW) is None


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (answer(404, b"<html>"), Cause.CONFIGURATION),
        (answer(401), Cause.CREDENTIALS),
        (answer(400, API_KEY), Cause.CREDENTIALS),
        (answer(500), Cause.VENDOR_DOWN),
        (answer(200, b"<html>"), Cause.VENDOR_DOWN),
        (TIMED_OUT, Cause.VENDOR_DOWN),
    ],
)
def test_a_probe_tells_what_is_wrong(came: Any, expected: Cause) -> None:
    """A page of something else, refused credentials, an outage."""
    held = judge_probe(came, NOW)

    assert held is not None
    assert held.cause is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"retry-after": "soon"}, 60),
        ({"retry-after": "7"}, 7),
    ],
)
def test_how_long_to_wait(headers: Mapping[str, str], seconds: float) -> None:
    """§9 #11: what Retry-After says; else a minute."""
    outcome = judge(Answer(429, headers), NOW).said

    assert isinstance(outcome, Hold)
    assert outcome.retry_after_s == seconds


# -- every row, any answer ----------------------------------------------------------------------


def test_every_row_has_a_test() -> None:
    """A row that nobody tests is a row that nobody knows."""
    here = vars(sys.modules[__name__])
    rows = [row.name for row in (*TABLE, *table(ENDPOINT), *TOKEN_TABLE)]

    assert [name for name in rows if f"test_row_{name}" not in here] == []
    assert len(set(rows)) == len(rows)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = ["job_id", "JobId", "StatusCode", "ErrorCode", "errors", "error", "fault", "code", "access_token", "expires_in"]
values = json_values | st.sampled_from([0, 1, 2, "0", 2050, 2051, "2051", "xsi-1", API_KEY["fault"]])
grammar = st.dictionaries(st.sampled_from(names), values | st.lists(st.fixed_dictionaries({"code": values})))
bodies = st.binary() | (grammar | json_values).map(lambda value: json.dumps(value).encode())
headers_ = st.dictionaries(
    st.sampled_from(["retry-after", "date", "content-type"]) | st.text(), st.text() | st.integers().map(str), max_size=4
)


def job() -> Send:
    return Send(Channel.EMAIL, (), (Recipient("u:a", "a@x.example"),), messaging())


@given(status=st.integers(100, 999), headers=headers_, body=bodies, begun=st.booleans(), recognised=st.booleans())
def test_any_answer_has_an_outcome(
    status: int, headers: dict[str, str], body: bytes, begun: bool, recognised: bool
) -> None:
    """Whatever status, headers and bytes: an outcome of the delivery contract, never an exception."""
    for came in (Answer(status, headers, body), AmbiguousError(Reason.CONNECTION, "", status=status, headers=headers)):
        judge_probe(came, NOW)
        judge_health(came, NOW)
        judge_token(came, NOW)
        for outcome in (judge(came, NOW).said, judge_alert(came, ENDPOINT, NOW).said):
            if isinstance(outcome, Hold) and outcome.retry_after_s is not None:
                assert 1 <= outcome.retry_after_s <= 3600
            tally = Tally()
            if begun:
                tally.accept(job(), Accepted("xsi-0"))
            match outcome:
                case Accepted():
                    tally.accept(job(), outcome)
                case Collided():
                    continue
                case Refused():
                    tally.refuse(job(), outcome)
                case _:
                    tally.stop = outcome
            ended = tally.outcome(2, recognised=recognised, more={})
            assert isinstance(ended, Answered | Hold | Refused)
            if begun:
                assert isinstance(ended, Answered), "what is out is never called refused"
            if isinstance(ended, Answered):
                assert len(ended.verdicts) == 2


@given(status=st.integers(100, 999), body=bodies)
def test_only_a_job_id_delivers(status: int, body: bytes) -> None:
    """§2.4: without 2xx and job_id, or the word 2050, nothing is delivered."""
    outcome = judge(Answer(status, {}, body), NOW).said
    if isinstance(outcome, Accepted) and not outcome.is_repeat:
        assert 200 <= status < 300
        assert outcome.job_id


def test_what_is_out_is_told_with_what_is_not() -> None:
    """A part accepted and the rest held: deferred where a repeat is recognised, else unsure."""
    tally = Tally()
    tally.accept(job(), Accepted("xsi-1"))
    tally.stop = Hold(Cause.THROTTLED, Scope.ACTION, "429: too many requests", 7)

    again, person = (tally.outcome(1, recognised=recognised, more={}) for recognised in (True, False))

    assert again == Answered([Deferred(Reason.THROTTLED, 7)], tally.stop)
    assert isinstance(person, Answered)
    assert person.verdicts == [
        Unsure(Reason.THROTTLED, "the rest was not sent: 429: too many requests; accepted before: email")
    ]


def test_what_was_refused_is_told_in_the_receipt() -> None:
    """§9 #4: others were told, so it is delivered, with a count."""
    tally = Tally()
    tally.accept(job(), Accepted("xsi-1"))
    tally.refuse(job(), Refused(Reason.INVALID_FIELD, "400"))

    assert tally.outcome(1, recognised=False, more={"unknown": ""}) == Answered(
        [Delivered({"email_id": "xsi-1", "refused_addresses": "1"})]
    )
