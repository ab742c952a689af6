"""What Marketo's answer means, as one ordered table: the first row that fits decides. Pure.

Every row names the section of the Marketo vendor page that it stands on. Of several codes the strongest
wins (§4.0): a setting, the quota, the token, the window, patience, the record. A code that refuses the whole
request means that nothing was done, except where the row says unsure (§4.2). What is said of single records
stands in `rows`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.http import Answer
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Hold, Outcome, Scope
from workers.sinks.marketo import rules as r
from workers.sinks.marketo.rows import by_row
from workers.sinks.marketo.rules import Asked, Row
from workers.vendors.answered import Failure
from workers.vendors.marketo.reply import Reply
from workers.vendors.marketo.waits import Waits


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome, and the row that it came from."""

    row: str
    outcome: Outcome


def judge(came: Reply | Answer | Failure, asked: Asked, waits: Waits) -> Judgement:
    """The outcome of one request, whatever came back."""
    reply = came if isinstance(came, Reply) else Reply(came)
    row = next(row for row in TABLE if row.fits(reply, asked))
    return Judgement(row.name, row.outcome(reply, asked, waits))


def judge_read(reply: Reply, waits: Waits) -> Outcome | None:
    """What stands in the way of a read that a write needs; None when it was answered.

    A read that broke off did nothing, so it is a hold and never unsure.
    """
    outcome = judge(reply, Asked(0, ""), waits).outcome
    if reply.success is True:
        return None
    if isinstance(outcome, Answered):
        return outcome.hold or Hold(Cause.VENDOR_DOWN, Scope.SINK, "a look-up got no answer that can be read")
    return outcome


def judge_probe(reply: Reply, waits: Waits) -> Hold | None:
    """Whether Marketo is well, by what a harmless read got.

    A refusal of this very read is no sign: the role may write and not read (§1).
    """
    if judge(reply, Asked(0, ""), waits).row == "denied":
        return None
    outcome = judge_read(reply, waits)
    return outcome if isinstance(outcome, Hold) else None


# -- the table --------------------------------------------------------------------------------

_SINK, _ACTION = Scope.SINK, Scope.ACTION
_SETTING, _DOWN = Cause.CONFIGURATION, Cause.VENDOR_DOWN
_CREDENTIALS, _THROTTLED, _QUOTA = Cause.CREDENTIALS, Cause.THROTTLED, Cause.QUOTA

TABLE: Sequence[Row] = (
    # nothing came back
    Row("untrusted", "§4.1", r.is_untrusted, r.untrusted),
    Row("not_sent", "§4.1", r.is_unsent, r.not_sent),
    Row("no_answer", "§4.1", r.is_lost, r.no_answer),
    # HTTP says no: rare (§0)
    Row(
        "too_large",
        "§4.1",
        r.status(413),
        r.refused("the request is too large: lower max_body_bytes", Reason.OVERSIZED),
    ),
    Row("address_too_long", "§4.1", r.status(414), r.refused("the address is too long", Reason.REFUSED)),
    Row(
        "unauthorised",
        "§4.1",
        r.status(401, 403),
        r.hold(_CREDENTIALS, _SINK, "a fresh token is refused: is base_url of the service's subscription?"),
    ),
    Row("wrong_address", "§4.1", r.status(404), r.hold(_SETTING, _SINK, "not Marketo's REST API: correct base_url")),
    Row(
        "wrong_protocol",
        "§0",
        r.status(405, 406, 415),
        r.hold(_SETTING, _SINK, "method or content type is refused: is base_url really Marketo?"),
    ),
    Row(
        "redirected", "§0", r.between(300, 399), r.hold(_SETTING, _SINK, "redirects are not followed: correct base_url")
    ),
    Row("timed_out", "§4.1", r.status(408), r.unsure("the server gave up on the request", Reason.TIME_OUT)),
    Row("throttled", "§4.1", r.status(429), r.throttled),
    Row("client_error", "§4.1", r.between(400, 499), r.refused("refused for an unknown reason", Reason.REFUSED)),
    Row("server_error", "§4.1", r.between(500, 599), r.down("a server error", _SINK)),
    # accepted, wholly or in part
    Row("accepted", "§2.5", r.is_whole, r.whole),
    Row("judged_by_row", "§4.3", r.has_rows, by_row),
    Row("rows_missing", "§4.0", r.is_success, r.unsure("as many rows as records were expected")),
    # a setting is wrong
    Row("no_token", "§4.2", r.code("600"), r.hold(_SETTING, _SINK, "Marketo saw no token: correct base_url")),
    Row(
        "denied",
        "§4.2",
        r.code("603"),
        r.hold(_SETTING, _ACTION, "denied: the role lacks a permission, or our address is not on the allow-list"),
    ),
    Row("wrong_request", "§4.2", r.code("605", "612", "613"), r.hold(_SETTING, _SINK, "method or content is refused")),
    Row("unknown_path", "§4.2", r.code("610"), r.hold(_SETTING, _ACTION, "no such path: correct base_url or api_name")),
    Row("no_feature", "§4.2", r.code("616", "703"), r.hold(_SETTING, _ACTION, "the subscription lacks this feature")),
    Row(
        "asset_folder",
        "§4.2",
        r.code("710", "711"),
        r.hold(_SETTING, _ACTION, "a folder is missing or of another kind"),
    ),
    Row("unknown_field", "§4.2", r.code("1006"), r.hold(_SETTING, _ACTION, "Marketo knows no such field")),
    Row(
        "unknown_target",
        "§4.2",
        r.code("1013"),
        r.hold(_SETTING, _ACTION, "Marketo has no such campaign, list or object: correct sinks.marketo"),
    ),
    Row(
        "wrong_campaign",
        "§2.5",
        r.code_about("campaign", "1003"),
        r.hold(_SETTING, _ACTION, "the campaign cannot be requested: it must be an active trigger campaign"),
    ),
    Row(
        "wrong_mapping",
        "§4.3",
        r.code("1009", "1011", "1018", "1021", "1025", "1026", "1027", "1028", "1035", "1048"),
        r.hold(_SETTING, _ACTION, "a setting here or at Marketo is wrong"),
    ),
    # the quota
    Row("quota_gone", "§4.2", r.code("607"), r.hold(_QUOTA, _SINK, "the daily quota is used up", Waits.quota_s)),
    Row("clone_quota", "§4.3", r.code("1020"), r.hold(_QUOTA, _ACTION, "a daily quota is used up", Waits.quota_s)),
    Row(
        "export_quota",
        "§4.2",
        r.code_about("quota", "1029"),
        r.hold(_QUOTA, _ACTION, "a daily quota is used up", Waits.quota_s),
    ),
    # the token, after one renewal
    Row(
        "token_refused",
        "§1",
        r.code("601", "602"),
        r.hold(_CREDENTIALS, _SINK, "a fresh token is refused: is base_url of the service's subscription?"),
    ),
    # the window
    Row("rate", "§4.2", r.code("606"), r.hold(_THROTTLED, _SINK, "100 requests in 20 s, by all", Waits.window_s)),
    # patience
    Row("crowded", "§4.2", r.code("615"), r.hold(_THROTTLED, _SINK, "10 requests at once, by all", Waits.crowd_s)),
    Row("unavailable", "§4.2", r.code("608"), r.hold(_DOWN, _SINK, "temporarily unavailable: maintenance")),
    Row("unreachable", "§4.2", r.code("614"), r.hold(_DOWN, _SINK, "the subscription cannot be reached")),
    Row("transient", "§4.2", r.code("713"), r.hold(_DOWN, _ACTION, "a transient error")),
    Row("create_failed", "§4.3", r.code("1014"), r.hold(_DOWN, _ACTION, "Marketo could not create a record")),
    Row("busy", "§4.2", r.code("1016", "1019", "1029"), r.hold(_THROTTLED, _ACTION, "a queue is full", Waits.queue_s)),
    # Marketo may have acted
    Row("ran_too_long", "§4.2", r.code("604"), r.unsure("the request ran too long", Reason.TIME_OUT)),
    Row("system_error", "§4.2", r.code("611"), r.down("system error", _ACTION)),
    Row("server_code", "§4.2", r.code("500", "502"), r.down("server error", _SINK)),
    Row("lock_wait", "§4.2", r.code("719"), r.down("waited too long for a lock", _ACTION)),
    # a record, and nobody says which
    Row("already_so", "§4.3", r.code("1015", "1037"), r.done_when_alone),
    Row("attributes_too_large", "§4.3", r.code("1049"), r.refused("a record is too large", Reason.OVERSIZED)),
    Row("lead_not_found", "§4.2", r.code("1004"), r.refused("Marketo has no such lead", Reason.MISSING_CUSTOMER)),
    Row("bad_json", "§4.2", r.code("609"), r.refused("Marketo cannot parse the request", Reason.REFUSED)),
    Row("blank_or_rule", "§4.2", r.code("701", "709"), r.refused("a field is blank, or a business rule says no")),
    Row("record", "§4.2", r.code("501", "702", "704", "712", "714", "718"), r.refused("a record is not valid")),
    Row("record_code", "§4.2", r.is_other_record_code, r.refused("a record is not valid")),
    # what the page does not know
    Row(
        "unknown_code", "§4.2", r.is_refusal, r.down("refused with a code that the vendor page does not know", _ACTION)
    ),
    Row("unreadable", "§4.1", r.between(200, 299), r.unsure("not the answer of this API: no word of success")),
    Row("anything_else", "§4.1", r.always, r.unsure("not an answer of Marketo")),
)
