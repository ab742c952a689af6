"""Each row of the ECM answer table, as `test_row_<name>`, with the section of the vendor page it stands on."""

import json
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import SystemClock
from common.errors import AmbiguousError, NotSentError
from common.http import Answer
from common.reasons import Cause, Reason
from tests.support.ecm import config, event
from workers.sinks.api import Answered, Batch, Deferred, Delivered, Hold, Refused, Rejected, Scope, Unsure
from workers.sinks.ecm import asks
from workers.sinks.ecm.answers import TABLE, hold_of, judge
from workers.sinks.ecm.categories import current_values, set_rows, token_of
from workers.sinks.ecm.rules import Asked, Meaning
from workers.sinks.ecm.sink import EcmSink
from workers.sinks.ecm.tasks import followups_of
from workers.vendors.ecm.ask import Ask, Kind, login
from workers.vendors.ecm.reply import Reply, count_of, id_of, rows
from workers.vendors.ecm.signs import SIGNS, Signs
from workers.vendors.retry_after import wait_s

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
READ = asks.node("1")
WRITE = asks.apply_category("1", 9830, {}, "plain")
LOGIN = login("a", "b", None)
CONTENT = asks.content("1")
SINK, ACTION = Scope.SINK, Scope.ACTION


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def error(status: int, text: str) -> Answer:
    return answer(status, {"error": text})


def outcome(row: str, came: Any, ask: Ask = WRITE) -> Any:
    judgement = judge(Reply(came), Asked(ask, Signs()))
    assert judgement.row == row
    return judgement.outcome


def hold(row: str, came: Any, ask: Ask = WRITE) -> tuple[Cause, Scope]:
    held = outcome(row, came, ask)
    assert isinstance(held, Hold)
    return held.cause, held.scope


def verdict(row: str, came: Any, ask: Ask = WRITE) -> Any:
    answered = outcome(row, came, ask)
    assert isinstance(answered, Answered)
    assert answered.hold is None
    (one,) = answered.verdicts
    return one


def code(row: str, came: Any, ask: Ask = WRITE) -> str:
    rejected = verdict(row, came, ask)
    assert isinstance(rejected, Rejected)
    return rejected.vendor_code


def down(row: str, came: Any) -> None:
    """A write may have been done, a read has changed nothing; the route is held either way."""
    written = outcome(row, came, WRITE)
    assert isinstance(written, Answered)
    assert [type(each) for each in written.verdicts] == [Unsure]
    assert written.hold is not None
    assert written.hold.cause is Cause.VENDOR_DOWN
    assert hold(row, came, READ) == (Cause.VENDOR_DOWN, SINK)


# -- nothing came back --------------------------------------------------------------------------


def test_row_untrusted() -> None:
    """§16 #23: a TLS name error is a configuration's."""
    assert hold("untrusted", NotSentError("no", bad_certificate=True)) == (Cause.CONFIGURATION, SINK)


def test_row_not_sent() -> None:
    """§16 #23: DNS, refused, handshake: nobody's verdict."""
    assert hold("not_sent", NotSentError("refused")) == (Cause.VENDOR_DOWN, SINK)


def test_row_no_answer() -> None:
    """§16 #22: ambiguous for a write; a read has changed nothing."""
    lost = AmbiguousError(Reason.TIME_OUT, "no answer in time")

    assert isinstance(verdict("no_answer", lost), Unsure)
    assert verdict("no_answer", lost, READ) == Deferred(Reason.TIME_OUT)
    assert verdict("no_answer", lost, LOGIN) == Deferred(Reason.TIME_OUT)


def test_a_broken_success_is_no_answer_a_broken_refusal_is_one() -> None:
    """§16: a status of 300 and more means what it means without its body."""
    assert isinstance(verdict("no_answer", AmbiguousError(Reason.CONNECTION, "cut", status=200)), Unsure)
    outcome("conflict", AmbiguousError(Reason.CONNECTION, "cut", status=409))


# -- the log-in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Argument username is required", "Argument password is required"])
def test_row_login_incomplete(text: str) -> None:
    """§16 #3: 500, and permanent all the same."""
    assert hold("login_incomplete", error(500, text), LOGIN) == (Cause.CREDENTIALS, SINK)


@pytest.mark.parametrize(
    "came",
    [
        error(401, "Invalid username/password specified"),
        error(401, "Unable to login. Domain support is disabled"),
        error(400, "Invalid parameter"),
        answer(401, {"error": "invalid_client", "error_description": "…"}),
    ],
)
def test_row_login_refused(came: Answer) -> None:
    """§16 #2, §2.1, §2.2: do not hammer: the hold lasts as long as the settings say."""
    held = outcome("login_refused", came, LOGIN)

    assert isinstance(held, Hold)
    assert (held.cause, held.retry_after_s) == (Cause.CREDENTIALS, 300)


@pytest.mark.parametrize("body", [b"<html>", b"", {"ticket": 7}, {}])
def test_row_login_unreadable(body: Any) -> None:
    """§16 #21: 200 without a ticket is a pod that restarts."""
    assert hold("login_unreadable", answer(200, body), LOGIN) == (Cause.VENDOR_DOWN, SINK)


# -- done ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"results": {}}, {"results": [], "error": None}])
def test_row_accepted(body: Any) -> None:
    """§3: 2xx and a JSON object."""
    assert outcome("accepted", answer(200, body)) is Meaning.DONE
    assert outcome("accepted", answer(200, b"%PDF"), CONTENT) is Meaning.DONE


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"\xff", {"error": "odd"}])
def test_row_unreadable(body: Any) -> None:
    """§16 #21, §1: 2xx + unparsable body is never success."""
    down("unreadable", answer(200, body))


# -- nobody can proceed -------------------------------------------------------------------------


def test_row_ticket_refused() -> None:
    """§16 #1: a second 401 right after a log-in is permanent."""
    assert hold("ticket_refused", error(401, "Authentication Required")) == (Cause.CREDENTIALS, SINK)


def test_row_endpoint_missing() -> None:
    """§16 #4: a module that is not installed; other actions go on."""
    came = error(400, "The REST API URL could not be found in the mappings registry")

    assert hold("endpoint_missing", came) == (Cause.CONFIGURATION, ACTION)


@pytest.mark.parametrize(
    "text", ["Subtype 206 not registered", "External source not found", "Error getting identity type id"]
)
def test_row_bad_mapping(text: str) -> None:
    """§16 #7: our mapping, not the record."""
    assert hold("bad_mapping", error(400, text)) == (Cause.CONFIGURATION, ACTION)


# -- this record, by the text -------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 500])
def test_row_taken(status: int) -> None:
    """§16 #9: 400 in v1, 500 in v2."""
    assert outcome("taken", error(status, "An item with the name 'offer.pdf' already exists.")) is Meaning.TAKEN


@pytest.mark.parametrize("status", [400, 409, 500])
def test_row_edit_conflict(status: int) -> None:
    """§16 #14: a stale token."""
    assert outcome("edit_conflict", error(status, "Could not update metadata (edit conflict).")) is Meaning.STALE


def test_row_conflict() -> None:
    """§16 #14: 409 whatever its text."""
    assert outcome("conflict", answer(409)) is Meaning.STALE


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize(
    "text", ["Could not get a node for 7", "Sorry, the item you requested could not be accessed", "does not exist"]
)
def test_row_unreachable(status: int, text: str) -> None:
    """§16 #5: deleted or no permission: indistinguishable."""
    assert outcome("unreachable", error(status, text)) is Meaning.ABSENT


@pytest.mark.parametrize(
    "text",
    [
        "Missing required parameter parent_id",
        "Invalid datatype specified",
        "Body Parameter is wrong",
        "Parameters are required",
        "Category ID '1' was specified for Categories Update, but a non-matching attribute ('2_1') was found",
    ],
)
def test_row_bad_payload(text: str) -> None:
    """§16 #6: our payload."""
    assert code("bad_payload", error(400, text)) == "BAD_PAYLOAD"


@pytest.mark.parametrize("text", ["invalid action 'addversion'", "No permissions"])
def test_row_not_allowed(text: str) -> None:
    """§16 #8."""
    assert code("not_allowed", error(400, text)) == "NOT_ALLOWED"


@pytest.mark.parametrize(
    "text",
    [
        "Invalid specification. Invalid attribute entry found.",
        "Could not find category",
        "Error retrieving the version of the attribute",
    ],
)
def test_row_bad_attribute(text: str) -> None:
    """§16 #10: a 500 that is the record's fault, and not ambiguous."""
    assert code("bad_attribute", error(500, text)) == "BAD_ATTRIBUTE"


def test_row_bad_assignee() -> None:
    """§11.1: a 500 too."""
    assert code("bad_assignee", error(500, "Errors getting assignee information.")) == "BAD_ASSIGNEE"


# -- by the status ------------------------------------------------------------------------------


def test_row_forbidden() -> None:
    """§16 #15."""
    assert code("forbidden", answer(403)) == "FORBIDDEN"


def test_row_wrong_address() -> None:
    """§16 #17: an HTML 404 is not Content Server's."""
    assert hold("wrong_address", answer(404, b"<html>")) == (Cause.CONFIGURATION, SINK)


def test_row_wrong_method() -> None:
    """§16 #17."""
    assert hold("wrong_method", answer(405)) == (Cause.CONFIGURATION, SINK)


def test_row_not_found() -> None:
    """§15: few calls know a genuine 404."""
    assert outcome("not_found", error(404, "odd")) is Meaning.ABSENT


def test_row_too_large() -> None:
    """§16 #18."""
    assert verdict("too_large", answer(413, b"<html>")).reason is Reason.OVERSIZED


def test_row_throttled() -> None:
    """§16 #19: not processed."""
    assert hold("throttled", answer(429)) == (Cause.THROTTLED, SINK)


def test_row_maintenance() -> None:
    """§16 #19: 503 was not processed: no write is unsure."""
    assert hold("maintenance", answer(503, b"<html>")) == (Cause.VENDOR_DOWN, SINK)


@pytest.mark.parametrize("status", [301, 302, 308])
def test_row_redirected(status: int) -> None:
    """§1: the base URL is one setting, and nothing is followed."""
    assert hold("redirected", answer(status, location="https://elsewhere.example")) == (Cause.CONFIGURATION, SINK)


# -- the server may have acted ------------------------------------------------------------------


def test_row_crashed() -> None:
    """§16 #20: a page instead of an error."""
    down("crashed", answer(500, b"<html>"))


@pytest.mark.parametrize("body", [{"error": "odd"}, None, b"text"])
def test_row_unknown_error(body: Any) -> None:
    """§16 #20: nobody's fault yet; whether the server is ill is counted over records."""
    assert isinstance(verdict("unknown_error", answer(500, body)), Unsure)
    assert verdict("unknown_error", answer(500, body), READ) == Deferred(Reason.VENDOR_ERROR)


@pytest.mark.parametrize("status", [502, 504])
def test_row_bad_gateway(status: int) -> None:
    """§16 #20: ambiguous."""
    down("bad_gateway", answer(status))


@pytest.mark.parametrize("status", [501, 520, 599])
def test_row_server_error(status: int) -> None:
    """§16 #20: any other 5xx."""
    down("server_error", answer(status))


@pytest.mark.parametrize("status", [402, 410, 422])
def test_row_client_error(status: int) -> None:
    """§16 #6: refused, in words that the page does not know."""
    assert code("client_error", error(status, "odd")) == "CLIENT_ERROR"


def test_row_anything_else() -> None:
    """§15 does not know it."""
    assert isinstance(verdict("anything_else", answer(999)), Unsure)
    assert isinstance(verdict("anything_else", answer(101), READ), Deferred)


def test_every_row_has_a_test_that_cites_its_section() -> None:
    """A row without a test, or a test that does not say where on the page it stands, fails here."""
    here = sys.modules[__name__]
    for row in TABLE:
        test = getattr(here, f"test_row_{row.name}", None)
        assert test is not None, row.name
        assert row.page.split()[0] in (test.__doc__ or ""), row.name
    assert len({row.name for row in TABLE}) == len(TABLE)


def test_a_site_s_own_words_count_beside_the_page_s() -> None:
    """§16: texts are localised."""
    signs = Signs({"taken": "ist vorhanden"})

    assert signs.found("taken", "Der Name ist vorhanden")
    assert signs.found("taken", "the name Already Exists")
    assert not Signs().found("taken", "Der Name ist vorhanden")
    assert set(SIGNS) >= {"taken", "edit_conflict", "unreachable"}


def test_what_an_error_says_is_never_told_on() -> None:
    """Names of documents and people stand in error texts; a verdict's detail is ours."""
    came = error(500, "An item with the name 'ann@example.com' already exists. Invalid attribute entry")
    for ask in (READ, WRITE, LOGIN, CONTENT):
        assert "ann@example.com" not in repr(judge(Reply(came), Asked(ask, Signs())))


# -- shapes (§3) --------------------------------------------------------------------------------

GOLDEN_DIRECT = (
    b'{"links":{"data":{}},"paging":{"limit":500,"page":1,"page_total":1,"range_min":1,"range_max":1,"total_count":1},'
    b'"results":[{"data":{"properties":{"id":36780,"parent_id":13567,"name":"4600000044 - C.E.B. New York Inc.",'
    b'"type":848,"type_name":"Business Workspace","create_date":"2023-09-02T11:07:06",'
    b'"modify_date":"2023-09-02T11:07:11","wnf_wksp_type_id":16,"wnf_wksp_template_id":15615,"container":true,'
    b'"size":7}}}],"wksp_info":{"wksp_type_icon":null}}'
)
GOLDEN_CATEGORIES = (
    b'{"results":[{"data":{"categories":{"16878_28":"50031","16878_33":["1000"],"16878_39_1_40":"x"}},'
    b'"metadata_order":{"categories":["16878"]}}]}'
)
GOLDEN_CREATED = b'{"links":{"data":{}},"results":{"direct_open":true,"id":224082,"sub_folder_id":0}}'


def test_the_page_s_workspace_answer_is_read() -> None:
    """§5.1: the direct look-up, verbatim."""
    reply = Reply(answer(200, GOLDEN_DIRECT))

    (found,) = rows(reply, "data", "properties")
    assert (id_of(found), count_of(reply)) == ("36780", 1)


def test_the_page_s_categories_are_read() -> None:
    """§7: flat keys, one result a category; rows of a set by number."""
    reply = Reply(answer(200, GOLDEN_CATEGORIES))

    current = current_values(reply, 16878)
    assert current == {"16878_28": "50031", "16878_33": ["1000"], "16878_39_1_40": "x"}
    assert set_rows(current, 16878, 39) == {1: {40: "x"}}
    assert current_values(reply, 1687) is None


def test_the_page_s_created_workspace_is_read() -> None:
    """§6: the id is results.id."""
    assert id_of(Reply(answer(200, GOLDEN_CREATED)).values["results"]) == "224082"


@pytest.mark.parametrize("wrapped", [False, True])
def test_single_elements_may_come_as_lists_of_one(wrapped: bool) -> None:
    """§3: the OpenAPI types say lists, servers send objects: either is read."""

    def maybe(value: Any) -> Any:
        return [value] if wrapped else value

    state = {"categories": {"9830_1": maybe({"metadata_token": "t"})}}
    reply = Reply(answer(200, {"results": maybe({"data": maybe({"properties": maybe({"id": 7})}), "state": state})}))

    assert [id_of(each) for each in rows(reply, "data", "properties")] == ["7"]
    assert token_of(reply, 9830) == "t"


# -- fuzz ---------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "results",
                    "data",
                    "properties",
                    "id",
                    "error",
                    "categories",
                    "paging",
                    "state",
                    "collection",
                    "total_count",
                    "followups",
                    "x",
                ]
            ),
            below,
            max_size=5,
        )
    ),
    max_leaves=25,
)
bodies = st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode())
headers = st.dictionaries(
    st.sampled_from(["content-type", "retry-after", "date", "otcsticket"]), st.text(max_size=30), max_size=4
)
texts = st.sampled_from(["already exists", "edit conflict", "does not exist", "No permissions", "odd", ""])


@given(st.integers(0, 999), headers, bodies, st.sampled_from([READ, WRITE, LOGIN, CONTENT]))
def test_any_answer_is_an_outcome(status: int, given: dict[str, str], body: bytes, ask: Ask) -> None:
    """Whatever the status, headers and bytes: a verdict, a hold or a meaning, never an exception; and readable."""
    reply = Reply(Answer(status, given, body))
    asked = Asked(ask, Signs(), 300, wait_s(reply.headers, NOW))

    decided = judge(reply, asked).outcome

    assert isinstance(decided, Answered | Refused | Hold | Meaning)
    if not ask.writes and isinstance(decided, Answered):
        assert not any(isinstance(each, Unsure) for each in decided.verdicts)
    hold_of(decided)
    for steps in (("data", "properties"), ("data", "versions"), ("data",), ()):
        for found in rows(reply, *steps):
            id_of(found)
    count_of(reply)
    current = current_values(reply, 9830)
    set_rows(current or {}, 9830, 3)
    token_of(reply, 9830)
    followups_of(reply)


@given(st.sampled_from([400, 403, 404, 409, 500]), texts, st.sampled_from([READ, WRITE]))
def test_the_texts_decide_before_the_status(status: int, text: str, ask: Ask) -> None:
    """§16: classify by text first; a known text is never ambiguous."""
    decided = judge(Reply(error(status, text)), Asked(ask, Signs())).outcome

    if text in ("already exists", "edit conflict", "No permissions") and status in (400, 500):
        assert not (isinstance(decided, Answered) and any(isinstance(each, Unsure) for each in decided.verdicts))


class _Server:
    """A client whose every answer is drawn."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def send(self, ask: Ask, permit: Any, action: str) -> Reply:
        if ask.kind is Kind.LOGIN:
            return Reply(answer(200, {"ticket": "t"}))
        drawn: Reply = self._draw(replies)
        return drawn

    def close(self) -> None:
        """Nothing to let go."""


replies = st.builds(
    lambda status, body: Reply(Answer(status, {}, body)),
    st.sampled_from([200, 200, 200, 200, 400, 401, 404, 409, 429, 500, 502, 503, 302]),
    bodies
    | texts.map(lambda text: json.dumps({"error": text}).encode())
    | st.just(GOLDEN_DIRECT)
    | st.just(b'{"paging":{"total_count":0},"results":[]}')
    | st.just(GOLDEN_CREATED),
) | st.sampled_from([Reply(NotSentError("refused")), Reply(AmbiguousError(Reason.TIME_OUT, "late"))])

_WHERE = {"business_object": {"system": "SF", "type": "Account", "id": "1"}}
_GOOD: dict[str, dict[str, Any]] = {
    "update_category": {**_WHERE, "category": "communication", "attributes": {"status": "Sent"}},
    "record_consent": {**_WHERE, "kind": "CONSENT", "effective_at": NOW},
    "upload_document": {**_WHERE, "folder": "Letters", "name": "offer.txt", "content": "x"},
    "add_version": {**_WHERE, "name": "offer.txt", "content": "x"},
    "create_task": {**_WHERE, "name": "Call"},
    "create_reminder": {**_WHERE, "description": "Late", "due_at": NOW, "recipients": ["7240"]},
    "create_workspace": {"workspace_type": "customer", "business_object_id": "1", "name": "One"},
}


@given(st.data(), st.sampled_from(sorted(_GOOD)))
def test_no_conversation_ends_in_an_exception(data: st.DataObject, action: str) -> None:
    """Whatever a server answers to each request of each action: an outcome, and a look-up that tells or does not."""
    server: Any = _Server(data.draw)
    sink = EcmSink(config(missing_workspace="create"), server, SystemClock())
    made = sink.actions[action]
    item = sink.prepare(made, event(), made.parameters(**_GOOD[action]))

    outcome = sink.deliver(Batch(made, None, [item], nullcontext))

    assert isinstance(outcome, Hold | Answered)
    if made.can_look_up:
        (found,) = sink.look_up(made, [item])
        assert found is None or isinstance(found, Delivered | Unsure)
    sink.probe(made)
