"""What Braze's answer means, by the table in `table`, and whether Braze is well. Pure."""

from dataclasses import dataclass, replace

from common.http import Answer
from common.reasons import Cause
from workers.sinks.api import Answered, Hold, Outcome, Scope
from workers.sinks.braze.reply import Reply
from workers.sinks.braze.rules import Asked
from workers.sinks.braze.table import TABLE
from workers.vendors.answered import Failure
from workers.vendors.braze.rate import Patience


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
        case "forbidden" | "not_permitted" | "throttled":
            return None
    return outcome.hold if isinstance(outcome, Answered) else outcome if isinstance(outcome, Hold) else None


def _unless_used_up(outcome: Answered, reply: Reply, patience: Patience) -> Answered:
    """A window with nothing left is not asked again before it ends (§4)."""
    wait_s = patience.used_up_s(reply.headers)
    if outcome.hold is not None or wait_s is None:
        return outcome
    detail = "x-ratelimit-remaining is 0: the endpoint's window is used up"
    return replace(outcome, hold=Hold(Cause.THROTTLED, Scope.ACTION, detail, wait_s))
