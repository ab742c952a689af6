"""What a site's own alert system answers means (§7.3): success is configured, the rest is HTTP's. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime

from common.http import Answer
from common.reasons import Cause, Reason
from workers.sinks.api import Hold, Scope
from workers.sinks.notifications import rules as r
from workers.sinks.notifications.config import HttpAlertConfig
from workers.sinks.notifications.rules import Accepted, Judgement, Row
from workers.vendors.answered import Failure
from workers.vendors.notifications.reply import Reply

_CREDENTIALS, _CONFIGURATION = Cause.CREDENTIALS, Cause.CONFIGURATION


def judge_alert(came: Answer | Failure, config: HttpAlertConfig, now: datetime) -> Judgement:
    """What one call was answered, whatever came back."""
    return r.judged(Reply(came), table(config), now)


def judge_health(came: Answer | Failure, now: datetime) -> Hold | None:
    """Whether `health_url` says that the endpoint is well: any 2xx."""
    reply = Reply(came)
    if 200 <= reply.status < 300:
        return None
    if reply.failure is not None:
        return Hold(Cause.VENDOR_DOWN, Scope.ACTION, f"health_url: {reply.failure}")
    said = r.judged(reply, _REST, now).said
    return said if isinstance(said, Hold) else Hold(Cause.VENDOR_DOWN, Scope.ACTION, f"{reply.status}: health_url")


def table(config: HttpAlertConfig) -> Sequence[Row]:
    """The rows for one endpoint."""
    pattern = re.compile(config.already_done_pattern, re.IGNORECASE)

    def is_done_already(reply: Reply) -> bool:
        return reply.status == config.already_done_status and bool(pattern.search(reply.text))

    def accepted(reply: Reply, _: datetime) -> Accepted:
        return Accepted(reply.identifier(config.id_field))

    def done_already(reply: Reply, _: datetime) -> Accepted:
        return Accepted(reply.identifier(config.id_field), is_repeat=True)

    return (
        Row("alert_done_already", "§7.3 already_done", is_done_already, done_already),
        Row("alert_accepted", "§7.3 success", r.status(*config.accepted), accepted),
        *_REST,
    )


_REST = (
    Row("alert_untrusted", "§9 #18", r.is_untrusted, r.untrusted),
    Row("alert_not_sent", "§9 #18", r.is_unsent, r.not_sent),
    Row("alert_no_answer", "§9 #12", r.is_lost, r.no_answer),
    Row("alert_unexpected", "§9 #13", r.between(200, 299), r.doubt(Reason.VENDOR_ERROR, "not a status of `accepted`")),
    Row("alert_unauthorised", "§9 #2", r.status(401), r.hold(_CREDENTIALS, "headers, signing_secret, or our clock")),
    Row("alert_forbidden", "§9 #3", r.status(403), r.hold(_CREDENTIALS, "signature or headers are refused")),
    Row(
        "alert_no_such_path",
        "§9 #5",
        r.status(404, 405, 406, 415),
        r.hold(_CONFIGURATION, "the endpoint does not take this: correct url and method"),
    ),
    Row("alert_redirected", "§1", r.between(300, 399), r.hold(_CONFIGURATION, "redirected: correct url")),
    Row("alert_throttled", "§9 #11", r.status(429), r.busy(Cause.THROTTLED, "too many requests")),
    Row("alert_no_capacity", "§9 #11", r.status(503), r.busy(Cause.VENDOR_DOWN, "the endpoint has no capacity")),
    Row(
        "alert_bad_request",
        "§9 #4",
        r.status(400, 422),
        r.refused("BAD_REQUEST", "a field is refused", Reason.INVALID_FIELD),
    ),
    Row("alert_conflict", "§9 #9", r.status(409), r.refused("CONFLICT", "it contradicts what is there")),
    Row("alert_too_large", "§9 #10", r.status(413), r.refused("TOO_LARGE", "too large", Reason.OVERSIZED)),
    Row("alert_timed_out", "§9 #12", r.status(408), r.doubt(Reason.TIME_OUT, "the endpoint gave up on the request")),
    Row("alert_server_error", "§9 #12", r.between(500, 599), r.down("a server error: it may have been taken")),
    Row("alert_client_error", "§9", r.between(400, 499), r.refused("CLIENT_ERROR", "refused for an unknown reason")),
    Row("alert_anything_else", "§9", r.always, r.doubt(Reason.VENDOR_ERROR, "not an answer of HTTP that we know")),
)
