"""What Braze's answers mean, as one ordered table: the first row that fits decides.

Every row names the section of the Braze vendor page that it stands on. Where a limit or a permission
is of one endpoint, the hold is the action's; where it is of the host or the key, the sink's.
"""

from collections.abc import Sequence

from common.reasons import Cause, Reason
from workers.sinks.api import Scope
from workers.sinks.braze import outcomes as o
from workers.sinks.braze import rules as r
from workers.sinks.braze.rules import Row

_NO_CAPACITY_S = 10.0  # §5: a 503 wants a longer base than other errors

_CANVAS_ID_MESSAGES = (
    "canvas_id must be a string of the Canvas api identifier",
    "Invalid Canvas ID",
    "Canvas does not exist",
)
_STOPPED_MESSAGES = (
    "The campaign is not a transactional campaign",
    "The campaign is archived",
    "The campaign is paused",
)
_TRANSACTIONAL_ID_MESSAGES = ("Campaign does not exist", "campaign_id must be a string of the campaign api identifier")
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
    Row("untrusted", "§5", r.is_untrusted, o.untrusted),
    Row("not_sent", "§5", r.is_unsent, o.not_sent),
    Row("no_answer", "§5", r.is_lost, o.no_answer),
    # success that is none, and a send that has its own words
    Row(
        "stopped",
        "§2.5",
        r.is_stopped,
        o.hold(_CONFIGURATION, _ACTION, "the Canvas is paused or archived, nothing was sent: resume it in Braze"),
    ),
    Row("unknown_notice", "§2.5", r.has_notice, o.doubtful("a notice that is not known: look at the Canvas in Braze")),
    Row("send_aborted", "§2.7", r.is_aborted, o.aborted),
    Row("dispatched", "§2.7", r.is_dispatched, o.delivered),
    Row("send_in_flight", "§2.7", r.is_in_flight, o.delivered),
    # accepted, wholly or in part
    Row("queued", "§2.0", r.is_queued, o.delivered),
    Row("accepted", "§2.0", r.is_success, o.delivered),
    Row("partly_accepted", "§2.1", r.names_objects, o.partly),
    Row("named_nobody_but_one_was_sent", "§5", r.is_alone, o.that_one),
    Row(
        "named_nobody_repeatable",
        "§5",
        r.may_repeat,
        o.refused("UNATTRIBUTED", "an error names no object: each is sent alone", Reason.INVALID_FIELD),
    ),
    Row("named_nobody_once", "§5", r.is_named_success, o.partly),
    Row(
        "unreadable",
        "§5",
        r.between(200, 299),
        o.unsure(Reason.VENDOR_ERROR, "not the answer of this API: no message success"),
    ),
    # the key, by its words: their statuses are not documented
    Row(
        "not_authenticated",
        "§2.7",
        r.said("Error authenticating credentials"),
        o.hold(_CREDENTIALS, _SINK, "the key is refused: rotated, or of another cluster"),
    ),
    Row(
        "address_not_allowed",
        "§1.2",
        r.said("Invalid whitelisted IPs"),
        o.hold(_CONFIGURATION, _SINK, "this machine's address is not on the key's allow-list"),
    ),
    Row(
        "not_permitted",
        "§2.7",
        r.said("You do not have permission to access this resource"),
        o.hold(_CONFIGURATION, _ACTION, "the key lacks this endpoint's permission: make a new key"),
    ),
    # the request is refused
    Row("all_invalid", "§2.1", r.all_named_invalid, o.all_invalid),
    Row(
        "all_invalid_unnamed",
        "§2.1",
        r.no_valid_object,
        o.refused("NO_VALID_OBJECT", "no object is valid", Reason.INVALID_FIELD),
    ),
    Row(
        "too_many_objects",
        "§5",
        r.bad_request("Max Input Length Exceeded"),
        o.refused("TOO_MANY_OBJECTS", "more objects than the contract allows: lower max_objects"),
    ),
    Row(
        "too_many_recipients",
        "§5",
        r.bad_request(*_TOO_MANY_RECIPIENTS_MESSAGES),
        o.refused("TOO_MANY_RECIPIENTS", "more recipients than Braze allows: lower max_recipients"),
    ),
    Row(
        "campaign_stopped",
        "§2.7",
        r.said(*_STOPPED_MESSAGES),
        o.hold(_CONFIGURATION, _ACTION, "the campaign is paused, archived or not transactional: correct it in Braze"),
    ),
    Row(
        "unknown_transactional_campaign",
        "§2.7",
        r.both(r.is_transactional, r.said(*_TRANSACTIONAL_ID_MESSAGES)),
        o.hold(_CONFIGURATION, _ACTION, "Braze does not know it: correct sinks.braze.transactional_campaigns"),
    ),
    Row(
        "unknown_canvas",
        "§5",
        r.bad_request(*_CANVAS_ID_MESSAGES),
        o.hold(_CONFIGURATION, _ACTION, "Braze does not know the Canvas: correct sinks.braze.canvases"),
    ),
    Row(
        "unknown_group",
        "§2.8",
        r.bad_request("Invalid subscription group ID"),
        o.hold(_CONFIGURATION, _ACTION, "Braze does not know the group: correct sinks.braze.subscription_groups"),
    ),
    Row(
        "two_kinds_of_address",
        "§2.8",
        r.bad_request("Either an email address or a phone number should be provided, but not both"),
        o.refused("TWO_KINDS_OF_ADDRESS", "Braze sees e-mail addresses and phone numbers in one request"),
    ),
    Row(
        "unknown_campaign",
        "§5",
        r.bad_request(*_CAMPAIGN_ID_MESSAGES),
        o.hold(_CONFIGURATION, _ACTION, "Braze does not know the campaign: correct sinks.braze.campaigns"),
    ),
    Row(
        "campaign_content",
        "§5",
        r.bad_request(*_CAMPAIGN_CONTENT_MESSAGES),
        o.hold(_CONFIGURATION, _ACTION, "the campaign in Braze cannot be sent: correct its messages"),
    ),
    Row(
        "no_recipients",
        "§5",
        r.bad_request("No Recipients"),
        o.refused("NO_RECIPIENTS", "Braze sees no recipient"),
    ),
    Row(
        "syntax",
        "§5",
        r.bad_request("Error while parsing request body"),
        o.refused("SYNTAX", "Braze cannot parse the request"),
    ),
    Row("bad_request", "§5", r.status(400), o.refused("BAD_REQUEST", "Braze refuses the request")),
    Row(
        "too_large",
        "§5",
        r.status(413),
        o.refused("TOO_LARGE", "the request is too large: lower max_body_bytes", Reason.OVERSIZED),
    ),
    # nobody can proceed
    Row(
        "unauthorised",
        "§5",
        r.status(401),
        o.hold(_CREDENTIALS, _SINK, "the key is refused: rotated, of another cluster, or without permission"),
    ),
    Row(
        "edge_page",
        "§5",
        r.is_edge_page,
        o.hold(Cause.VENDOR_DOWN, _SINK, "an HTML page of the edge in front of Braze refuses us"),
    ),
    Row(
        "forbidden",
        "§5",
        r.status(403),
        o.hold(_CONFIGURATION, _ACTION, "no permission: the key's endpoints, its IP list, or the plan"),
    ),
    Row(
        "unknown_transactional_path",
        "§5",
        r.is_lost_path,
        o.hold(_CONFIGURATION, _ACTION, "no such campaign: correct sinks.braze.transactional_campaigns"),
    ),
    Row(
        "wrong_address",
        "§5",
        r.status(404),
        o.hold(_CONFIGURATION, _SINK, "not an address of Braze's REST API: correct base_url"),
    ),
    Row(
        "wrong_protocol",
        "§5",
        r.status(405, 406, 415),
        o.hold(_CONFIGURATION, _SINK, "method or content type is refused: is base_url really Braze?"),
    ),
    Row(
        "redirected",
        "§1.1",
        r.between(300, 399),
        o.hold(_CONFIGURATION, _SINK, "redirects are not followed: correct base_url"),
    ),
    Row("throttled", "§4", r.status(429), o.throttled),
    # Braze may have acted
    Row("timed_out", "§5", r.status(408), o.unsure(Reason.TIME_OUT, "Braze gave up on the request")),
    Row("internal_error", "§5", r.status(500), o.down("internal error", _ACTION)),
    Row("bad_gateway", "§5", r.status(502), o.down("failed before Braze's server, as far as its edge knows")),
    Row("no_capacity", "§5", r.status(503), o.down("Braze has no capacity", base_s=_NO_CAPACITY_S)),
    Row("gateway_time_out", "§5", r.status(504), o.down("Braze did not answer its edge, and likely acted")),
    Row("edge_error", "§5", r.between(520, 527), o.down("the edge could not reach Braze")),
    Row("server_error", "§5", r.between(500, 599), o.down("a server error that the page does not know")),
    # what the page does not know
    Row("client_error", "§5", r.between(400, 499), o.refused("CLIENT_ERROR", "refused for an unknown reason")),
    Row("anything_else", "§5", r.always, o.unsure(Reason.VENDOR_ERROR, "not an answer of Braze")),
)
