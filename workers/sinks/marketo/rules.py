"""The pieces that the answer table is written in: when a row fits, and what follows from it. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from common.errors import AmbiguousError, NotSentError
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Delivered, Hold, Outcome, Refused, Scope, Unsure
from workers.vendors.marketo.reply import Reply
from workers.vendors.marketo.waits import Waits


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent: so many records, and what the answer says of each.

    `id_name` is what a row's `id` is the number of; empty for calls that are answered as a whole.
    """

    count: int
    id_name: str


Fits = Callable[[Reply, Asked], bool]
Follows = Callable[[Reply, Asked, Waits], Outcome]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its name, where the page says so, when it fits, and what follows."""

    name: str
    page: str
    fits: Fits
    outcome: Follows


_OTHER = re.compile(r"1\d{3}")

# -- when a row fits: tests of a reply, or makers of such tests


def status(*statuses: int) -> Fits:
    """One of these statuses."""
    return lambda reply, _: reply.status in statuses


def between(first: int, last: int) -> Fits:
    """A status in this range, both ends included."""
    return lambda reply, _: first <= reply.status <= last


def code(*codes: str) -> Fits:
    """One of the codes with which the whole request is refused."""
    return lambda reply, _: not set(codes).isdisjoint(reply.codes)


def code_about(word: str, *codes: str) -> Fits:
    """One of these codes, and a message that holds the word."""
    return lambda reply, asked: code(*codes)(reply, asked) and reply.says(word)


def is_untrusted(reply: Reply, _: Asked) -> bool:
    """Nothing was sent: the vendor's certificate is not trusted."""
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def is_unsent(reply: Reply, _: Asked) -> bool:
    """Nothing was sent, for any reason."""
    return isinstance(reply.failure, NotSentError)


def is_lost(reply: Reply, _: Asked) -> bool:
    """No whole answer came back."""
    return reply.failure is not None


def is_whole(reply: Reply, asked: Asked) -> bool:
    """Success of a call that says nothing of each record."""
    return reply.success is True and not asked.id_name


def has_rows(reply: Reply, asked: Asked) -> bool:
    """Success, and as many rows as records: rows come in the order of the input (§2.1)."""
    return reply.success is True and reply.rows is not None and len(reply.rows) == asked.count


def is_success(reply: Reply, _: Asked) -> bool:
    """Success, whatever the rows."""
    return reply.success is True


def is_refusal(reply: Reply, _: Asked) -> bool:
    """A failure of the whole request, whatever the codes."""
    return reply.success is False


def is_other_record_code(reply: Reply, _: Asked) -> bool:
    """A code of the family that usually is about records."""
    return any(_OTHER.fullmatch(each) for each in reply.codes)


def always(_: Reply, __: Asked) -> bool:
    """Anything."""
    return True


# -- what follows: outcomes of a reply, or makers of such outcomes


def untrusted(reply: Reply, _: Asked, __: Waits) -> Hold:
    """A configuration to correct: nothing goes to a host that cannot prove who it is."""
    return Hold(Cause.CONFIGURATION, Scope.SINK, f"{reply.failure}; set ca_file, or correct base_url")


def not_sent(reply: Reply, _: Asked, __: Waits) -> Hold:
    """Marketo cannot be reached; no delivery was tried."""
    return Hold(Cause.VENDOR_DOWN, Scope.SINK, str(reply.failure))


def no_answer(reply: Reply, asked: Asked, _: Waits) -> Answered:
    """The request left, or a part of it, and no whole answer came back."""
    failure = reply.failure
    reason = failure.reason if isinstance(failure, AmbiguousError) else Reason.CONNECTION
    return Answered([Unsure(reason, str(failure))] * asked.count)


def whole(reply: Reply, asked: Asked, _: Waits) -> Answered:
    """Every record was taken; there is one answer for all."""
    row = reply.rows[0] if reply.rows else None
    number = row.get("id") if isinstance(row, dict) else None
    ids = {"request_id": reply.request_id, "campaign_id": str(number) if isinstance(number, int) else ""}
    return Answered([Delivered({name: value for name, value in ids.items() if value})] * asked.count)


def hold(cause: Cause, scope: Scope, detail: str, wait: Callable[[Waits], float] | None = None) -> Follows:
    """Certainly not processed, and the next would fare the same."""

    def outcome(reply: Reply, _: Asked, waits: Waits) -> Hold:
        return Hold(cause, scope, _said(reply, detail), wait(waits) if wait else None)

    return outcome


def throttled(reply: Reply, _: Asked, waits: Waits) -> Hold:
    """Undocumented here: not processed, and the header says how long."""
    return Hold(Cause.THROTTLED, Scope.SINK, _said(reply, "too many requests"), waits.hinted_s(reply.headers))


def unsure(detail: str, reason: Reason = Reason.VENDOR_ERROR) -> Follows:
    """Marketo may have acted on each record."""
    return lambda reply, asked, _: Answered([Unsure(reason, _said(reply, detail))] * asked.count)


def down(detail: str, scope: Scope) -> Follows:
    """Marketo may have acted, and is not well: the deliveries are unsure, the route waits."""

    def outcome(reply: Reply, asked: Asked, _: Waits) -> Answered:
        said = _said(reply, detail)
        return Answered([Unsure(Reason.VENDOR_ERROR, said)] * asked.count, Hold(Cause.VENDOR_DOWN, scope, said))

    return outcome


def refused(detail: str, reason: Reason = Reason.INVALID_FIELD) -> Follows:
    """Certainly not processed, and nobody named: the runner bisects."""
    return lambda reply, _, __: Refused(reason, _said(reply, detail), _code(reply))


def done_when_alone(reply: Reply, asked: Asked, _: Waits) -> Answered | Refused:
    """What was asked for is so already, for the one record that it can be about; more are bisected."""
    if asked.count == 1:
        return Answered([Delivered({"request_id": reply.request_id} if reply.request_id else {})])
    return Refused(Reason.REFUSED, _said(reply, "already so, for one of several"), _code(reply))


def _code(reply: Reply) -> str:
    return reply.codes[0] if reply.codes else str(reply.status)


def _said(reply: Reply, detail: str) -> str:
    """Ours, with Marketo's code in front, and the number by which its support finds the request."""
    number = f" (request {reply.request_id[:40]})" if reply.request_id else ""
    return f"{'/'.join(dict.fromkeys(reply.codes)) or reply.status}: {detail}{number}"
