"""The other half of a row of the answer table: what follows, as an outcome of a reply or a maker of such. Pure."""

from collections.abc import Mapping

from common.errors import AmbiguousError
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Delivered, Hold, Refused, Rejected, Scope, Unsure, Verdict
from workers.sinks.braze.reply import Reply
from workers.sinks.braze.rules import Asked, Follows, placed
from workers.vendors.braze.rate import Patience


def untrusted(reply: Reply, _: Asked, __: Patience) -> Hold:
    """A configuration to correct: nothing goes to a host that cannot prove who it is."""
    detail = f"{reply.failure}; set ca_file, or correct base_url"
    return Hold(Cause.CONFIGURATION, Scope.SINK, detail)


def not_sent(reply: Reply, _: Asked, __: Patience) -> Hold:
    """Braze cannot be reached; no delivery was tried."""
    return Hold(Cause.VENDOR_DOWN, Scope.SINK, str(reply.failure))


def no_answer(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """The request left, or a part of it, and no whole answer came back."""
    failure = reply.failure
    reason = failure.reason if isinstance(failure, AmbiguousError) else Reason.CONNECTION
    return Answered([Unsure(reason, str(failure))] * asked.count)


def throttled(reply: Reply, _: Asked, patience: Patience) -> Hold:
    """Certainly not processed (§4); the route waits for as long as the headers say."""
    detail = "429: the endpoint's limit is used up; other integrations of the workspace share it"
    return Hold(Cause.THROTTLED, Scope.ACTION, detail, patience.wait_s(reply.headers))


def hold(cause: Cause, scope: Scope, detail: str) -> Follows:
    """Certainly not processed, and the next would fare the same."""
    return lambda reply, _, __: Hold(cause, scope, f"{reply.status}: {detail}")


def unsure(reason: Reason, detail: str) -> Follows:
    """Braze may have acted on each object."""
    return lambda reply, asked, _: Answered([Unsure(reason, f"{reply.status}: {detail}")] * asked.count)


def down(detail: str, scope: Scope = Scope.SINK, base_s: float | None = None) -> Follows:
    """Braze may have acted, and is not well: the deliveries are unsure, the route waits."""

    def outcome(reply: Reply, asked: Asked, patience: Patience) -> Answered:
        said = f"{reply.status}: {detail}"
        wait_s = patience.wait_s(reply.headers) if "retry-after" in reply.headers else None
        route = Hold(Cause.VENDOR_DOWN, scope, said, base_s if wait_s is None else wait_s)
        return Answered([Unsure(Reason.VENDOR_ERROR, said)] * asked.count, route)

    return outcome


def refused(code: str, detail: str, reason: Reason = Reason.REFUSED) -> Follows:
    """Certainly not processed, and nobody named: the runner bisects."""
    return lambda reply, _, __: Refused(reason, f"{reply.status}: {detail}", code)


def doubtful(detail: str) -> Follows:
    """Success in words that the page does not know: nobody can tell, and a person has to look before the next."""

    def outcome(reply: Reply, asked: Asked, _: Patience) -> Answered:
        verdicts = [Unsure(Reason.VENDOR_ERROR, f"{reply.status}: {detail}")] * asked.count
        return Answered(verdicts, Hold(Cause.CONFIGURATION, Scope.ACTION, f"{reply.status}: {detail}"))

    return outcome


def aborted(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """Nothing was sent, and the record is why (§2.7: "User not emailable")."""
    status = reply.values["status"]
    return Answered(
        [Rejected(Reason.REFUSED, f"Braze ended the message ({status})", str(status).upper())] * asked.count
    )


def delivered(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """Every object was accepted."""
    return Answered([Delivered(_vendor_ids(reply))] * asked.count)


def partly(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """The named objects are rejected, all others were accepted (§2.1)."""
    verdicts: list[Verdict] = [Delivered(_vendor_ids(reply))] * asked.count
    for position, code in placed(reply, asked):
        verdicts[position] = _rejected(code)
    return Answered(verdicts)


def that_one(reply: Reply, _: Asked, __: Patience) -> Answered:
    """The only object is the one that the error is about."""
    return Answered([_rejected(reply.mistakes[0].code)])


def all_invalid(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """Every object is refused, each with its own code where it has one."""
    verdicts: list[Verdict] = [_rejected("NO_VALID_OBJECT")] * asked.count
    for position, code in placed(reply, asked):
        verdicts[position] = _rejected(code)
    return Answered(verdicts)


def _rejected(code: str) -> Rejected:
    return Rejected(Reason.INVALID_FIELD, f"Braze refused this object ({code})", code)


def _vendor_ids(reply: Reply) -> Mapping[str, str]:
    """What a support ticket or a later look-up needs: dispatch_id of a send, the request's own id."""
    found = {"dispatch_id": reply.values.get("dispatch_id"), "request_id": reply.headers.get("x-request-id")}
    return {name: value[:200] for name, value in found.items() if isinstance(value, str) and value}
