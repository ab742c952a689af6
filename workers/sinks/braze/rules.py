"""The pieces that the answer table is written in: when a row fits, and what follows from it. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from common.errors import AmbiguousError, NotSentError
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Delivered, Hold, Outcome, Refused, Rejected, Scope, Unsure, Verdict
from workers.sinks.braze.rate import Patience
from workers.sinks.braze.reply import Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent: so many objects of one array, and whether sending them again is harmless."""

    array: str
    count: int
    is_repeatable: bool


Fits = Callable[[Reply, Asked], bool]
Follows = Callable[[Reply, Asked, Patience], Outcome]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its name, where the page says so, when it fits, and what follows."""

    name: str
    page: str
    fits: Fits
    outcome: Follows


# -- when a row fits: tests of a reply, or makers of such tests


def status(*statuses: int) -> Fits:
    """One of these statuses."""
    return lambda reply, _: reply.status in statuses


def between(first: int, last: int) -> Fits:
    """A status in this range, both ends included."""
    return lambda reply, _: first <= reply.status <= last


def bad_request(*messages: str) -> Fits:
    """A 400 whose message begins with one of these."""
    return lambda reply, _: reply.status == 400 and reply.says(*messages)


def is_untrusted(reply: Reply, _: Asked) -> bool:
    """Nothing was sent: the vendor's certificate is not trusted."""
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def is_unsent(reply: Reply, _: Asked) -> bool:
    """Nothing was sent, for any reason."""
    return isinstance(reply.failure, NotSentError)


def is_lost(reply: Reply, _: Asked) -> bool:
    """No whole answer came back."""
    return reply.failure is not None


def is_queued(reply: Reply, _: Asked) -> bool:
    """What Braze said in its maintenance windows, by older documentation."""
    return reply.status == 202 and reply.says("queued")


def is_named_success(reply: Reply, _: Asked) -> bool:
    """2xx and the word, whatever the errors."""
    return reply.is_success


def always(_: Reply, __: Asked) -> bool:
    """Anything."""
    return True


def is_edge_page(reply: Reply, _: Asked) -> bool:
    """A 403 as an HTML page: the firewall in front of Braze, not Braze."""
    return reply.status == 403 and reply.is_html


def is_success(reply: Reply, _: Asked) -> bool:
    """Success, and nothing to complain about."""
    return reply.is_success and not reply.mistakes


def names_objects(reply: Reply, asked: Asked) -> bool:
    """Success, and every error names one of our objects."""
    return reply.is_success and _are_all_placed(reply, asked)


def is_alone(reply: Reply, asked: Asked) -> bool:
    """Success with an error, and only one object that it can be about."""
    return reply.is_success and asked.count == 1


def may_repeat(reply: Reply, asked: Asked) -> bool:
    """Success with an error that names nobody, and a repeat does no harm."""
    return reply.is_success and asked.is_repeatable


no_valid_object = bad_request("Valid data must be provided in the")


def all_named_invalid(reply: Reply, asked: Asked) -> bool:
    """No object is valid, and each of ours is named (or is the only one)."""
    placed = {position for position, _ in _placed(reply, asked)}
    return no_valid_object(reply, asked) and (asked.count == 1 or len(placed) == asked.count)


# -- what follows: outcomes of a reply, or makers of such outcomes


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


def delivered(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """Every object was accepted."""
    return Answered([Delivered(_vendor_ids(reply))] * asked.count)


def partly(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """The named objects are rejected, all others were accepted (§2.1)."""
    verdicts: list[Verdict] = [Delivered(_vendor_ids(reply))] * asked.count
    for position, code in _placed(reply, asked):
        verdicts[position] = _rejected(code)
    return Answered(verdicts)


def that_one(reply: Reply, _: Asked, __: Patience) -> Answered:
    """The only object is the one that the error is about."""
    return Answered([_rejected(reply.mistakes[0].code)])


def all_invalid(reply: Reply, asked: Asked, _: Patience) -> Answered:
    """Every object is refused, each with its own code where it has one."""
    verdicts: list[Verdict] = [_rejected("NO_VALID_OBJECT")] * asked.count
    for position, code in _placed(reply, asked):
        verdicts[position] = _rejected(code)
    return Answered(verdicts)


def _rejected(code: str) -> Rejected:
    return Rejected(Reason.INVALID_FIELD, f"Braze refused this object ({code})", code)


def _vendor_ids(reply: Reply) -> Mapping[str, str]:
    """What a support ticket or a later look-up needs: dispatch_id of a send, the request's own id."""
    found = {"dispatch_id": reply.values.get("dispatch_id"), "request_id": reply.headers.get("x-request-id")}
    return {name: value[:200] for name, value in found.items() if isinstance(value, str) and value}


def _placed(reply: Reply, asked: Asked) -> Iterator[tuple[int, str]]:
    """Position and code of each error that names one of our objects; `index` counts within its array."""
    for mistake in reply.mistakes:
        is_ours = mistake.array in (None, asked.array)
        if is_ours and mistake.index is not None and mistake.index < asked.count:
            yield mistake.index, mistake.code


def _are_all_placed(reply: Reply, asked: Asked) -> bool:
    return len(list(_placed(reply, asked))) == len(reply.mistakes)
