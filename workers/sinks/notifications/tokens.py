"""The OAuth token of a messaging account (§1): short-lived, shared by all threads, renewed early. No I/O."""

from datetime import datetime

from common.http import Answer
from common.reasons import Cause
from workers.sinks.api import Hold, Scope
from workers.sinks.notifications import rules as r
from workers.sinks.notifications.rules import Row
from workers.vendors.answered import Failure
from workers.vendors.notifications.reply import Reply
from workers.vendors.notifications.tokens import KEY_CODES, Granted, granted_in
from workers.vendors.shared_token import SharedToken

Tokens = SharedToken[Hold]
"""The one token, or the hold that says why there is none."""


def judge_token(came: Answer | Failure, now: datetime) -> Granted | Hold:
    """What the token endpoint said; asking is harmless, so nothing here is in doubt."""
    reply = Reply(came)
    granted = granted_in(reply)
    if granted is not None:
        return granted
    said = r.judged(reply, TOKEN_TABLE, now).said
    assert isinstance(said, Hold)
    return said


def _no_answer(reply: Reply, _: datetime) -> Hold:
    return Hold(Cause.VENDOR_DOWN, Scope.ACTION, f"token_url: {reply.failure}")


TOKEN_TABLE = (
    Row("token_untrusted", "§9 #18", r.is_untrusted, r.untrusted),
    Row("token_no_answer", "§9 #18", r.is_lost, _no_answer),
    Row(
        "token_key_refused",
        "§9 #2",
        r.code(*KEY_CODES),
        r.hold(Cause.CREDENTIALS, "token_url refuses client_id or client_secret"),
    ),
    Row("token_unauthorised", "§9 #2", r.status(400, 401, 403), r.hold(Cause.CREDENTIALS, "token_url refuses us")),
    Row("token_redirected", "§1", r.between(300, 399), r.hold(Cause.CONFIGURATION, "correct token_url")),
    Row("token_busy", "§9 #11", r.status(429, 503), r.busy(Cause.THROTTLED, "token_url asks for patience")),
    Row("token_no_such_path", "§9 #5", r.between(402, 499), r.hold(Cause.CONFIGURATION, "correct token_url")),
    Row("token_unreadable", "§9 #12", r.always, r.hold(Cause.VENDOR_DOWN, "token_url gave no token")),
)
