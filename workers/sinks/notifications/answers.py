"""What the messaging platform's answer means, as one ordered table: the first row that fits decides. Pure.

Every row names the section of the Notifications vendor page that it stands on. Statuses and bodies of its
errors are not documented: what the table makes of them is the page's proposal, not verified on an account.
"""

from datetime import datetime

from common.http import Answer
from common.reasons import Cause, Reason
from workers.sinks.api import Hold, Scope
from workers.sinks.notifications import rules as r
from workers.sinks.notifications.rules import Accepted, Judgement, Row
from workers.vendors.answered import Failure
from workers.vendors.notifications.reply import Reply

DUPLICATE, COLLISION, NO_DATA = "2050", "2051", "2060"
_KEY_CODES = ("oauth.v2.InvalidApiKey", "InvalidApiKey", "invalid_client", "unauthorized_client")


def judge(came: Answer | Failure, now: datetime) -> Judgement:
    """What one submission was answered, whatever came back."""
    return r.judged(Reply(came), TABLE, now)


def judge_probe(came: Answer | Failure, now: datetime) -> Hold | None:
    """Whether the platform is well, by the status of a job that does not exist (§4, §9 #6).

    Any answer of the API is enough: which one a job has that is unknown is not documented.
    """
    judgement, reply = judge(came, now), Reply(came)
    if reply.status in (200, 400, 404) and reply.values and judgement.row != "key_refused":
        return None
    if isinstance(judgement.said, Hold):
        return judgement.said
    return Hold(Cause.VENDOR_DOWN, Scope.ACTION, f"{reply.status}: the probe got no answer of the API")


# -- the table --------------------------------------------------------------------------------


def _is_repeat(reply: Reply) -> bool:
    return r.code(DUPLICATE)(reply) and bool(_job_id(reply))


def _is_accepted(reply: Reply) -> bool:
    return 200 <= reply.status < 300 and bool(_job_id(reply)) and reply.soap_status in ("", "0")


def _is_partial(reply: Reply) -> bool:
    return 200 <= reply.status < 300 and reply.soap_status == "2"


def _is_soap_failure(reply: Reply) -> bool:
    return 200 <= reply.status < 300 and reply.soap_status == "1"


def _job_id(reply: Reply) -> str:
    return reply.identifier("job_id") or reply.identifier("JobId")


_CREDENTIALS, _CONFIGURATION = Cause.CREDENTIALS, Cause.CONFIGURATION

TABLE = (
    # nothing came back
    Row("untrusted", "§9 #18", r.is_untrusted, r.untrusted),
    Row("not_sent", "§9 #18", r.is_unsent, r.not_sent),
    Row("no_answer", "§9 #12", r.is_lost, r.no_answer),
    # what the id says
    Row("repeat", "§9 #7", _is_repeat, lambda reply, _: Accepted(_job_id(reply), is_repeat=True)),
    Row("repeat_unnamed", "§9 #7", r.code(DUPLICATE), lambda _, __: Accepted("", is_repeat=True)),
    Row("collision", "§9 #8", r.code(COLLISION), r.collided),
    # 2xx
    Row("partial", "§9 #14", _is_partial, r.doubt(Reason.VENDOR_ERROR, "partly accepted, and no part is named")),
    Row("soap_failure", "§6", _is_soap_failure, r.refused("1", "the platform says failure")),
    Row("accepted", "§2.4", _is_accepted, lambda reply, _: Accepted(_job_id(reply))),
    Row("unreadable", "§9 #13", r.between(200, 299), r.doubt(Reason.VENDOR_ERROR, "accepted, without job_id")),
    # nobody can proceed
    Row("key_refused", "§9 #2", r.code(*_KEY_CODES), r.hold(_CREDENTIALS, "the OAuth client is refused")),
    Row("unauthorised", "§9 #1, #2", r.status(401), r.hold(_CREDENTIALS, "user, password or token are refused")),
    Row(
        "forbidden",
        "§9 #3",
        r.status(403),
        r.hold(_CONFIGURATION, "the account lacks this channel, or belongs to another region"),
    ),
    Row(
        "no_such_path",
        "§9 #5",
        r.status(404, 405, 406, 415),
        r.hold(_CONFIGURATION, "not an address of the messaging API: correct base_url"),
    ),
    Row("redirected", "§1", r.between(300, 399), r.hold(_CONFIGURATION, "redirected: correct base_url")),
    Row("throttled", "§9 #11", r.status(429), r.busy(Cause.THROTTLED, "too many requests")),
    Row("no_capacity", "§9 #11", r.status(503), r.busy(Cause.VENDOR_DOWN, "the platform has no capacity")),
    # the request is refused
    Row(
        "bad_request",
        "§9 #4",
        r.status(400, 422),
        r.refused("BAD_REQUEST", "an address or a field is refused", Reason.INVALID_FIELD),
    ),
    Row("conflict", "§9 #9", r.status(409), r.refused("CONFLICT", "it contradicts what is there")),
    Row("too_large", "§9 #10", r.status(413), r.refused("TOO_LARGE", "the job is too large", Reason.OVERSIZED)),
    # it may have been accepted
    Row("timed_out", "§9 #12", r.status(408), r.doubt(Reason.TIME_OUT, "the platform gave up on the request")),
    Row("server_error", "§9 #12", r.between(500, 599), r.down("a server error: it may have been accepted")),
    # what the page does not know
    Row("client_error", "§9", r.between(400, 499), r.refused("CLIENT_ERROR", "refused for an unknown reason")),
    Row("anything_else", "§9", r.always, r.doubt(Reason.VENDOR_ERROR, "not an answer of HTTP that we know")),
)
