"""What the server's answer means, as one ordered table: the first row that fits decides. Pure.

Every row names the section of the ECM vendor page that it stands on. 500 is the server's word for its own crash
and for bad input alike, so texts come first and statuses second (§16). What is not in the table because nothing
here asks for it: nicknames (§16 #11, #16), multipart uploads (#12, #13), workspace types (#24).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Hold, Outcome, Scope
from workers.sinks.ecm import rules as r
from workers.sinks.ecm.rules import Asked, Meaning, Row
from workers.vendors.ecm.reply import Reply

UNKNOWN_ERROR = "unknown_error"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome, or what the answer means to the procedure, and the row that it came from."""

    row: str
    outcome: Outcome | Meaning


def judge(reply: Reply, asked: Asked) -> Judgement:
    """What follows from one answer, whatever came back."""
    row = next(row for row in TABLE if row.fits(reply, asked))
    return Judgement(row.name, row.outcome(reply, asked))


def hold_of(outcome: Outcome | Meaning) -> Hold | None:
    """The hold in an outcome, for a probe: it asks about the route, not about a record."""
    match outcome:
        case Hold():
            return outcome
        case Answered(hold=held) if held is not None:
            return held
        case Meaning.DONE:
            return None
    return Hold(Cause.VENDOR_DOWN, Scope.SINK, "the probe got no answer that can be read")


_CONFIGURATION, _CREDENTIALS = Cause.CONFIGURATION, Cause.CREDENTIALS
_SINK, _ACTION = Scope.SINK, Scope.ACTION

TABLE: Sequence[Row] = (
    # nothing came back
    Row("untrusted", "§16 #23", r.is_untrusted, r.untrusted),
    Row("not_sent", "§16 #23", r.is_unsent, r.not_sent),
    Row("no_answer", "§16 #22", r.is_lost, r.no_answer),
    # the log-in
    Row(
        "login_incomplete",
        "§16 #3",
        r.both(r.is_login, r.says("login_incomplete", 500)),
        r.login_refused("user name or password is empty"),
    ),
    Row(
        "login_refused",
        "§16 #2",
        r.both(r.is_login, r.status(400, 401, 403)),
        r.login_refused("user name, password, client or domain is refused"),
    ),
    Row(
        "login_unreadable",
        "§16 #21",
        r.both(r.is_login, r.between(200, 299)),
        r.hold(Cause.VENDOR_DOWN, _SINK, "the log-in brought no ticket: the server restarts, or it is another one"),
    ),
    # done
    Row("accepted", "§3", r.is_accepted, r.means(Meaning.DONE)),
    Row("unreadable", "§16 #21", r.between(200, 299), r.down("not JSON: the server restarts")),
    # nobody can proceed
    Row(
        "ticket_refused",
        "§16 #1",
        r.status(401),
        r.hold(_CREDENTIALS, _SINK, "a fresh ticket is refused: the account is not mapped, or the node is another's"),
    ),
    Row(
        "endpoint_missing",
        "§16 #4",
        r.says("endpoint_missing", 400, 404, 500),
        r.hold(_CONFIGURATION, _ACTION, "this server has no such call: a module is missing, or its version is old"),
    ),
    Row(
        "bad_mapping",
        "§16 #7",
        r.says("bad_mapping", 400, 500),
        r.hold(_CONFIGURATION, _ACTION, "the server knows no such node type or external source"),
    ),
    # this record, by the text
    Row("taken", "§16 #9", r.says("taken", 400, 500), r.means(Meaning.TAKEN)),
    Row("edit_conflict", "§16 #14", r.says("edit_conflict", 400, 409, 500), r.means(Meaning.STALE)),
    Row("conflict", "§16 #14", r.status(409), r.means(Meaning.STALE)),
    Row("unreachable", "§16 #5", r.says("unreachable", 400, 404, 500), r.means(Meaning.ABSENT)),
    Row(
        "bad_payload",
        "§16 #6",
        r.says("bad_payload", 400, 500),
        r.rejected(Reason.INVALID_FIELD, "BAD_PAYLOAD", "the server refuses what was sent"),
    ),
    Row(
        "not_allowed",
        "§16 #8",
        r.says("not_allowed", 400, 500),
        r.rejected(Reason.REFUSED, "NOT_ALLOWED", "the account may not do this to this node"),
    ),
    Row(
        "bad_attribute",
        "§16 #10",
        r.says("bad_attribute", 400, 500),
        r.rejected(Reason.INVALID_FIELD, "BAD_ATTRIBUTE", "no such attribute, or a value that it does not take"),
    ),
    Row(
        "bad_assignee",
        "§11.1",
        r.says("bad_assignee", 400, 500),
        r.rejected(Reason.INVALID_FIELD, "BAD_ASSIGNEE", "no such member: correct sinks.ecm.members or the event"),
    ),
    # by the status
    Row(
        "forbidden",
        "§16 #15",
        r.status(403),
        r.rejected(Reason.REFUSED, "FORBIDDEN", "no right, or a firewall in between"),
    ),
    Row(
        "wrong_address",
        "§16 #17",
        r.both(r.status(404), r.is_html),
        r.hold(_CONFIGURATION, _SINK, "not the address of a Content Server: correct base_url"),
    ),
    Row("wrong_method", "§16 #17", r.status(405), r.hold(_CONFIGURATION, _SINK, "correct base_url")),
    Row("not_found", "§15", r.status(404), r.means(Meaning.ABSENT)),
    Row("too_large", "§16 #18", r.status(413), r.rejected(Reason.OVERSIZED, "TOO_LARGE", "a proxy's size limit")),
    Row("throttled", "§16 #19", r.status(429), r.hold(Cause.THROTTLED, _SINK, "asked for patience")),
    Row("maintenance", "§16 #19", r.status(503), r.hold(Cause.VENDOR_DOWN, _SINK, "maintenance; not processed")),
    Row(
        "redirected",
        "§1",
        r.between(300, 399),
        r.hold(_CONFIGURATION, _SINK, "redirects are not followed: correct base_url"),
    ),
    # the server may have acted
    Row("crashed", "§16 #20", r.both(r.status(500), r.is_html), r.down("a crash page")),
    Row(UNKNOWN_ERROR, "§16 #20", r.status(500), r.cannot_tell("an error whose text is not known")),
    Row("bad_gateway", "§16 #20", r.status(502, 504), r.down("a proxy got no answer from the server")),
    Row("server_error", "§16 #20", r.between(500, 599), r.down("a server error that the page does not know")),
    # what the page does not know
    Row(
        "client_error",
        "§16 #6",
        r.between(400, 499),
        r.rejected(Reason.REFUSED, "CLIENT_ERROR", "refused, and the text is not known"),
    ),
    Row("anything_else", "§15", r.always, r.cannot_tell("not an answer of this API")),
)
