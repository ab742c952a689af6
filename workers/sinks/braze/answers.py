"""What Braze's answer means, as one ordered table: the first row that fits decides. Pure.

Every row names the section of the Braze vendor page that it stands on. Where a limit or a permission
is of one endpoint, the hold is the action's; where it is of the host or the key, the sink's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from common.http import Answer
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Hold, Outcome, Scope
from workers.sinks.braze import rules as r
from workers.sinks.braze.rate import Patience
from workers.sinks.braze.reply import Failure, Reply
from workers.sinks.braze.rules import Asked, Row

_NO_CAPACITY_S = 10.0  # §5: a 503 wants a longer base than other errors


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome, and the row that it came from."""

    row: str
    outcome: Outcome


def judge(came: Answer | Failure, asked: Asked, patience: Patience) -> Judgement:
    """The outcome of one request, whatever came back."""
    reply = Reply(came)
    row = next(row for row in TABLE if row.fits(reply, asked))
    outcome = row.outcome(reply, asked, patience)
    if isinstance(outcome, Answered) and reply.is_success:
        outcome = _unless_used_up(outcome, reply, patience)
    return Judgement(row.name, outcome)


def judge_probe(came: Answer | Failure, patience: Patience) -> Hold | None:
    """Whether Braze is well, by what `GET /campaigns/list` got.

    An answer of Braze's application is enough, even 403 or a 401 that does not call the key invalid:
    the read needs a permission of its own (§1.3), and a key without it may still write.
    """
    judgement = judge(came, Asked("campaigns", 0, is_repeatable=True), patience)
    reply, outcome = Reply(came), judgement.outcome
    match judgement.row:
        case "no_answer" | "timed_out" | "unreadable" | "anything_else":
            return Hold(Cause.VENDOR_DOWN, Scope.SINK, "the probe got no answer that can be read")
        case "unauthorised" if not reply.says("invalid api key"):
            return None
        case "forbidden" | "throttled":
            return None
    return outcome.hold if isinstance(outcome, Answered) else outcome if isinstance(outcome, Hold) else None


def _unless_used_up(outcome: Answered, reply: Reply, patience: Patience) -> Answered:
    """A window with nothing left is not asked again before it ends (§4)."""
    wait_s = patience.used_up_s(reply.headers)
    if outcome.hold is not None or wait_s is None:
        return outcome
    detail = "x-ratelimit-remaining is 0: the endpoint's window is used up"
    return replace(outcome, hold=Hold(Cause.THROTTLED, Scope.ACTION, detail, wait_s))


# -- the table --------------------------------------------------------------------------------

_CAMPAIGN_ID_MESSAGES = (
    "Invalid Campaign ID",
    "Campaign does not exist",
    "campaign_id must be a string of the campaign api identifier",
)
_CAMPAIGN_CONTENT_MESSAGES = (
    "Message Variant Unspecified",
    "Invalid Message Variant",
    "Mismatched Message Type",
    "No message to send",
    "Invalid Extra Push Payload",
)
_TOO_MANY_RECIPIENTS_MESSAGES = (
    "The max number of external_ids and aliases per request was exceeded",
    "The max number of ids per request was exceeded",
)
_CONFIGURATION, _CREDENTIALS = Cause.CONFIGURATION, Cause.CREDENTIALS
_SINK, _ACTION = Scope.SINK, Scope.ACTION

TABLE: Sequence[Row] = (
    # nothing came back
    Row("untrusted", "§5", r.is_untrusted, r.untrusted),
    Row("not_sent", "§5", r.is_unsent, r.not_sent),
    Row("no_answer", "§5", r.is_lost, r.no_answer),
    # accepted, wholly or in part
    Row("queued", "§2.0", r.is_queued, r.delivered),
    Row("accepted", "§2.0", r.is_success, r.delivered),
    Row("partly_accepted", "§2.1", r.names_objects, r.partly),
    Row("named_nobody_but_one_was_sent", "§5", r.is_alone, r.that_one),
    Row(
        "named_nobody_repeatable",
        "§5",
        r.may_repeat,
        r.refused("UNATTRIBUTED", "an error names no object: each is sent alone", Reason.INVALID_FIELD),
    ),
    Row("named_nobody_once", "§5", r.is_named_success, r.partly),
    Row(
        "unreadable",
        "§5",
        r.between(200, 299),
        r.unsure(Reason.VENDOR_ERROR, "not the answer of this API: no message success"),
    ),
    # the request is refused
    Row("all_invalid", "§2.1", r.all_named_invalid, r.all_invalid),
    Row(
        "all_invalid_unnamed",
        "§2.1",
        r.no_valid_object,
        r.refused("NO_VALID_OBJECT", "no object is valid", Reason.INVALID_FIELD),
    ),
    Row(
        "too_many_objects",
        "§5",
        r.bad_request("Max Input Length Exceeded"),
        r.refused("TOO_MANY_OBJECTS", "more objects than the contract allows: lower max_objects"),
    ),
    Row(
        "too_many_recipients",
        "§5",
        r.bad_request(*_TOO_MANY_RECIPIENTS_MESSAGES),
        r.refused("TOO_MANY_RECIPIENTS", "more recipients than Braze allows: lower max_recipients"),
    ),
    Row(
        "unknown_campaign",
        "§5",
        r.bad_request(*_CAMPAIGN_ID_MESSAGES),
        r.hold(_CONFIGURATION, _ACTION, "Braze does not know the campaign: correct sinks.braze.campaigns"),
    ),
    Row(
        "campaign_content",
        "§5",
        r.bad_request(*_CAMPAIGN_CONTENT_MESSAGES),
        r.hold(_CONFIGURATION, _ACTION, "the campaign in Braze cannot be sent: correct its messages"),
    ),
    Row(
        "no_recipients",
        "§5",
        r.bad_request("No Recipients"),
        r.refused("NO_RECIPIENTS", "Braze sees no recipient"),
    ),
    Row(
        "syntax",
        "§5",
        r.bad_request("Error while parsing request body"),
        r.refused("SYNTAX", "Braze cannot parse the request"),
    ),
    Row("bad_request", "§5", r.status(400), r.refused("BAD_REQUEST", "Braze refuses the request")),
    Row(
        "too_large",
        "§5",
        r.status(413),
        r.refused("TOO_LARGE", "the request is too large: lower max_body_bytes", Reason.OVERSIZED),
    ),
    # nobody can proceed
    Row(
        "unauthorised",
        "§5",
        r.status(401),
        r.hold(_CREDENTIALS, _SINK, "the key is refused: rotated, of another cluster, or without permission"),
    ),
    Row(
        "edge_page",
        "§5",
        r.is_edge_page,
        r.hold(Cause.VENDOR_DOWN, _SINK, "an HTML page of the edge in front of Braze refuses us"),
    ),
    Row(
        "forbidden",
        "§5",
        r.status(403),
        r.hold(_CONFIGURATION, _ACTION, "no permission: the key's endpoints, its IP list, or the plan"),
    ),
    Row(
        "wrong_address",
        "§5",
        r.status(404),
        r.hold(_CONFIGURATION, _SINK, "not an address of Braze's REST API: correct base_url"),
    ),
    Row(
        "wrong_protocol",
        "§5",
        r.status(405, 406, 415),
        r.hold(_CONFIGURATION, _SINK, "method or content type is refused: is base_url really Braze?"),
    ),
    Row(
        "redirected",
        "§1.1",
        r.between(300, 399),
        r.hold(_CONFIGURATION, _SINK, "redirects are not followed: correct base_url"),
    ),
    Row("throttled", "§4", r.status(429), r.throttled),
    # Braze may have acted
    Row("timed_out", "§5", r.status(408), r.unsure(Reason.TIME_OUT, "Braze gave up on the request")),
    Row("internal_error", "§5", r.status(500), r.down("internal error", _ACTION)),
    Row("bad_gateway", "§5", r.status(502), r.down("failed before Braze's server, as far as its edge knows")),
    Row("no_capacity", "§5", r.status(503), r.down("Braze has no capacity", base_s=_NO_CAPACITY_S)),
    Row("gateway_time_out", "§5", r.status(504), r.down("Braze did not answer its edge, and likely acted")),
    Row("edge_error", "§5", r.between(520, 527), r.down("the edge could not reach Braze")),
    Row("server_error", "§5", r.between(500, 599), r.down("a server error that the page does not know")),
    # what the page does not know
    Row("client_error", "§5", r.between(400, 499), r.refused("CLIENT_ERROR", "refused for an unknown reason")),
    Row("anything_else", "§5", r.always, r.unsure(Reason.VENDOR_ERROR, "not an answer of Braze")),
)
