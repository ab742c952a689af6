"""What an answer of the input services means, as ordered tables: the first row that fits decides. Pure.

Every row names the section of the Exstream vendor page that it stands on. One table a kind of request: a communication
that is generated and sent, one that is only generated (it may be generated again), a named service that starts a job.
"""

from datetime import datetime
from enum import Enum, auto

from common.http import Answer
from common.reasons import Cause, Reason
from workers.sinks.api import Hold, Scope
from workers.sinks.exstream import rules as r
from workers.sinks.exstream.rules import Accepted, Judgement, Row
from workers.vendors.answered import Failure
from workers.vendors.exstream import signs as s
from workers.vendors.exstream.reply import Reply

_CREDENTIALS, _CONFIGURATION = Cause.CREDENTIALS, Cause.CONFIGURATION
_DEPENDENCY = ("HttpHostConnectException", "onnection refused", "OTDS")


class Kind(Enum):
    """What was asked for."""

    SEND = auto()  # generate and fulfil: the communication is sent
    DRAFT = auto()  # generate: nobody is sent anything
    START = auto()  # a named input service


def judge(kind: Kind, came: Answer | Failure, now: datetime) -> Judgement:
    """What one request was answered, whatever came back."""
    return r.judged(Reply(came), TABLES[kind], now)


def judge_probe(came: Answer | Failure, now: datetime) -> Hold | None:
    """Whether orchestration lets us in, by its list of jobs (§4.1): this token, this domain."""
    reply = Reply(came)
    if reply.is_ok and reply.said == "success":
        return None
    said = r.judged(reply, _REST, now).said
    if isinstance(said, Hold):
        return said
    return Hold(Cause.VENDOR_DOWN, Scope.ACTION, f"{reply.status}: the probe got no list of jobs")


# -- when a row fits --------------------------------------------------------------------------


def _is_success(reply: Reply) -> bool:
    return reply.is_ok and reply.said == "success" and not reply.is_embedded_failure


def _is_generated(reply: Reply) -> bool:
    return _is_success(reply) and any("content" in row or "mimeType" in row for row in reply.rows)


def _is_drafted(reply: Reply) -> bool:
    return reply.is_ok and not reply.is_embedded_failure and bool(reply.identifier("documentId"))


def _is_started(reply: Reply) -> bool:
    return _is_success(reply) and bool(reply.identifiers("jobId") or reply.identifiers("id"))


def _is_nothing_started(reply: Reply) -> bool:
    return _is_success(reply) and reply.values.get("data") == []


def _is_engine_identity(reply: Reply) -> bool:
    return reply.is_embedded_failure and bool(reply.inner) and all(code in (401, 403) for code in reply.inner)


def _is_partial(reply: Reply) -> bool:
    return reply.is_embedded_failure and any(code < 300 for code in reply.inner)


def _is_engine_failure(reply: Reply) -> bool:
    return reply.is_embedded_failure


def _is_login_page(reply: Reply) -> bool:
    return reply.is_ok and not reply.is_json


def _is_dependency_down(reply: Reply) -> bool:
    return reply.status == 500 and any(word in reply.text for word in _DEPENDENCY)


# -- what follows -----------------------------------------------------------------------------


def _generated(reply: Reply, _: datetime) -> Accepted:
    contexts = [row.get("engineOutputContext") for row in reply.rows]
    queues = (each.get("queueName") for each in contexts if isinstance(each, dict))
    named = dict.fromkeys(each for each in queues if isinstance(each, str))
    return Accepted(_present({"queues": ",".join(named), "outputs": str(len(reply.rows))}))


def _drafted(reply: Reply, _: datetime) -> Accepted:
    found = reply.identifier("documentId")
    return Accepted({"document_id": found}, found)


def _started(reply: Reply, _: datetime) -> Accepted:
    jobs, instances = reply.identifiers("jobId"), reply.identifiers("id")
    return Accepted(_present({"job_id": ",".join(jobs), "flow_instance_id": ",".join(instances)}))


def _present(ids: dict[str, str]) -> dict[str, str]:
    return {name: value[:1000] for name, value in ids.items() if value}


# -- the tables -------------------------------------------------------------------------------

_LOST = (
    Row("untrusted", "§9 #14", s.is_untrusted, r.untrusted),
    Row("not_sent", "§9 #14", s.is_unsent, r.not_sent),
    Row("no_answer", "§9 #13", s.is_lost, r.no_answer),
)
_IDENTITY = Row(
    "engine_identity",
    "§2, §9 #6",
    _is_engine_identity,
    r.hold(_CONFIGURATION, "the engine refuses empower_user; the token is fine"),
)
_NOT_OURS = (
    Row("key_refused", "§1, §9 #3", s.code(*s.KEY_CODES), r.hold(_CREDENTIALS, "the OAuth client is refused")),
    Row("unauthorised", "§9 #1", s.status(401), r.hold(_CREDENTIALS, "a fresh token is refused")),
    Row(
        "forbidden",
        "§9 #4",
        s.status(403),
        r.hold(_CONFIGURATION, "no access to the domain, or a CSRF token is wanted (api.csrf)"),
    ),
    Row(
        "no_such_path",
        "§9 #8",
        s.status(404, 405, 406, 415),
        r.hold(_CONFIGURATION, "no such domain or service: correct base_url, domain, service"),
    ),
    Row("redirected", "§1", s.between(300, 399), r.hold(_CONFIGURATION, "redirected: correct base_url")),
    Row("throttled", "§9 #12", s.status(429), r.busy(Cause.THROTTLED, "too many requests")),
    Row("no_capacity", "§9 #12", s.status(503), r.busy(Cause.VENDOR_DOWN, "overloaded, or restarting")),
)
_THE_REQUEST = (
    Row(
        "bad_request",
        "§9 #5",
        s.status(400, 422),
        r.refused(
            "BAD_REQUEST", "a header, the communication, the driver or the data is refused", Reason.INVALID_FIELD
        ),
    ),
    Row("conflict", "§9 #9", s.status(409), r.refused("CONFLICT", "it contradicts what is there")),
    Row("too_large", "§9 #19", s.status(413), r.refused("TOO_LARGE", "the driver data is too large", Reason.OVERSIZED)),
)
_PERHAPS = (
    Row("timed_out", "§9 #13", s.status(408), r.doubt(Reason.TIME_OUT, "Exstream gave up on the request")),
    Row("dependency_down", "§9 #10", _is_dependency_down, r.down("a service behind Exstream is down")),
    Row("engine_error", "§9 #11", s.status(500), r.doubt(Reason.VENDOR_ERROR, "the engine or a flow failed")),
    Row("gateway", "§9 #12", s.between(501, 599), r.down("overloaded or restarting: it may have been taken")),
    Row("client_error", "§9", s.between(400, 499), r.refused("CLIENT_ERROR", "refused for an unknown reason")),
    Row("anything_else", "§9", s.always, r.doubt(Reason.VENDOR_ERROR, "not an answer of HTTP that we know")),
)
_REST = (*_LOST, *_NOT_OURS, *_THE_REQUEST, *_PERHAPS)
_UNREADABLE = Row("unreadable", "§9 #20", s.between(200, 299), r.doubt(Reason.VENDOR_ERROR, "not the answer expected"))
_MAY_HAVE_SENT = Row(
    "engine_failure", "§9 #7", _is_engine_failure, r.doubt(Reason.VENDOR_ERROR, "the engine failed; a part may be sent")
)

SEND = (
    *_LOST, _IDENTITY, _MAY_HAVE_SENT,
    Row("generated", "§2", _is_generated, _generated),
    _UNREADABLE,
    *_NOT_OURS, *_THE_REQUEST, *_PERHAPS,
)  # fmt: skip

DRAFT = (
    *_LOST, _IDENTITY,
    Row(
        "engine_partial",
        "§9 #7",
        _is_partial,
        r.doubt(Reason.VENDOR_ERROR, "some of its outputs failed"),
    ),
    Row(
        "engine_refused",
        "§9 #7",
        _is_engine_failure,
        r.refused("ENGINE", "the engine refuses the data", Reason.INVALID_FIELD),
    ),
    Row("drafted", "§2", _is_drafted, _drafted),
    Row("draft_generated", "§2", _is_generated, _generated),
    Row(
        "login_page",
        "§9 #20",
        _is_login_page,
        r.hold(_CONFIGURATION, "not JSON: a proxy's or a log-in page? correct base_url"),
    ),
    _UNREADABLE,
    *_NOT_OURS, *_THE_REQUEST, *_PERHAPS,
)  # fmt: skip

START = (
    *_LOST, _IDENTITY, _MAY_HAVE_SENT,
    Row("started", "§3", _is_started, _started),
    Row(
        "nothing_started",
        "§9 #15",
        _is_nothing_started,
        r.hold(_CONFIGURATION, "nothing started: no flow model on this channel is approved and published"),
    ),
    Row("answered", "§12", _is_generated, _generated),
    _UNREADABLE,
    *_NOT_OURS, *_THE_REQUEST, *_PERHAPS,
)  # fmt: skip

TABLES = {Kind.SEND: SEND, Kind.DRAFT: DRAFT, Kind.START: START}
