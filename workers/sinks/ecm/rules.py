"""The pieces that the answer table is written in: when a row fits, and what follows from it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from common.errors import AmbiguousError, NotSentError
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Deferred, Hold, Outcome, Rejected, Scope, Unsure, Verdict
from workers.vendors.ecm.ask import Ask, Kind
from workers.vendors.ecm.reply import Reply
from workers.vendors.ecm.signs import Signs


class Meaning(Enum):
    """What an answer means to the procedure that asked; anything else ends the delivery."""

    DONE = auto()
    TAKEN = auto()  # the name, or the category, is there already
    STALE = auto()  # somebody changed it since we read it
    ABSENT = auto()  # deleted, or hidden from our account: the server does not tell which


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, how the server words its errors, and how long a refused log-in is left alone."""

    ask: Ask
    signs: Signs
    login_backoff_s: float = 300.0
    wait_s: float | None = None  # the server's own hint

    @property
    def writes(self) -> bool:
        """Whether the server may have changed something."""
        return self.ask.writes

    @property
    def is_login(self) -> bool:
        """Whether it was for a ticket."""
        return self.ask.kind is Kind.LOGIN


Fits = Callable[[Reply, Asked], bool]
Follows = Callable[[Reply, Asked], Outcome | Meaning]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its name, where the page says so, when it fits, and what follows."""

    name: str
    page: str
    fits: Fits
    outcome: Follows


# -- when a row fits


def status(*statuses: int) -> Fits:
    """One of these statuses."""
    return lambda reply, _: reply.status in statuses


def between(first: int, last: int) -> Fits:
    """A status in this range, both ends included."""
    return lambda reply, _: first <= reply.status <= last


def says(sign: str, *statuses: int) -> Fits:
    """One of these statuses with a text that bears a sign."""
    return lambda reply, asked: reply.status in statuses and asked.signs.found(sign, reply.text)


def both(first: Fits, second: Fits) -> Fits:
    """Where two tests fit."""
    return lambda reply, asked: first(reply, asked) and second(reply, asked)


def is_untrusted(reply: Reply, _: Asked) -> bool:
    """Nothing was sent: the server's certificate is not trusted."""
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def is_unsent(reply: Reply, _: Asked) -> bool:
    """Nothing was sent, for any reason."""
    return isinstance(reply.failure, NotSentError)


def is_lost(reply: Reply, _: Asked) -> bool:
    """No whole answer came back."""
    return reply.failure is not None


def is_login(_: Reply, asked: Asked) -> bool:
    """It was for a ticket."""
    return asked.is_login


def is_accepted(reply: Reply, asked: Asked) -> bool:
    """2xx, and JSON unless a document was asked for."""
    if asked.ask.kind is Kind.CONTENT:
        return 200 <= reply.status < 300
    return reply.is_json_success and not asked.is_login


def is_html(reply: Reply, _: Asked) -> bool:
    """A page of a proxy, or of the server's shell."""
    return reply.is_html


def always(_: Reply, __: Asked) -> bool:
    """Anything."""
    return True


# -- what follows


def means(meaning: Meaning) -> Follows:
    """The procedure knows what to do."""
    return lambda _, __: meaning


def untrusted(reply: Reply, _: Asked) -> Hold:
    """A configuration to correct: nothing goes to a host that cannot prove who it is."""
    return Hold(Cause.CONFIGURATION, Scope.SINK, f"{reply.failure}; set ca_file, or correct base_url")


def not_sent(reply: Reply, _: Asked) -> Hold:
    """The server cannot be reached; no delivery was tried."""
    return Hold(Cause.VENDOR_DOWN, Scope.SINK, str(reply.failure))


def no_answer(reply: Reply, asked: Asked) -> Answered:
    """It left, or a part of it, and no whole answer came back: only a write can have done anything."""
    failure = reply.failure
    reason = failure.reason if isinstance(failure, AmbiguousError) else Reason.CONNECTION
    return Answered([_open(reason, str(failure), asked)])


def login_refused(detail: str) -> Follows:
    """Nobody may go on; the next log-in waits (§2.1: do not hammer)."""
    return lambda reply, asked: Hold(
        Cause.CREDENTIALS, Scope.SINK, f"log-in answered {reply.status}: {detail}", asked.login_backoff_s
    )


def hold(cause: Cause, scope: Scope, detail: str) -> Follows:
    """Certainly not processed, and the next would fare the same."""
    return lambda reply, asked: Hold(cause, scope, f"{reply.status}: {detail}", asked.wait_s)


def down(detail: str) -> Follows:
    """The server is not well; a write may have been done."""

    def outcome(reply: Reply, asked: Asked) -> Answered | Hold:
        said = f"{reply.status}: {detail}"
        route = Hold(Cause.VENDOR_DOWN, Scope.SINK, said, asked.wait_s)
        return Answered([Unsure(Reason.VENDOR_ERROR, said)], route) if asked.writes else route

    return outcome


def cannot_tell(detail: str) -> Follows:
    """An answer that says nothing of what was done."""
    return lambda reply, asked: Answered([_open(Reason.VENDOR_ERROR, f"{reply.status}: {detail}", asked)])


def rejected(reason: Reason, code: str, detail: str) -> Follows:
    """Certainly not done, and this record's fault."""
    return lambda reply, _: Answered([Rejected(reason, f"{reply.status}: {detail}", code)])


def _open(reason: Reason, detail: str, asked: Asked) -> Verdict:
    return Unsure(reason, detail) if asked.writes else Deferred(reason)
