"""The pieces that both answer tables are written in: when a row fits, and what follows from it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.errors import AmbiguousError, NotSentError
from common.reasons import Cause, Reason
from workers.sinks.api import Hold, Refused, Scope, Unsure
from workers.vendors.notifications.reply import Reply
from workers.vendors.retry_after import wait_s

_USUAL_S = 60.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job is the vendor's now; `job_id` names it there, `is_repeat` when it had it already."""

    job_id: str
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Collided:
    """Another customer's message has this id: nothing was done (§3)."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The vendor may have acted; the route is held where it is not well."""

    unsure: Unsure
    hold: Hold | None = None


Said = Accepted | Collided | Refused | Hold | Doubt
Fits = Callable[[Reply], bool]
Follows = Callable[[Reply, datetime], Said]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its name, where the page says so, when it fits, and what follows."""

    name: str
    page: str
    fits: Fits
    says: Follows


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer says, and the row that it came from."""

    row: str
    said: Said


def judged(reply: Reply, table: Sequence[Row], now: datetime) -> Judgement:
    """By the first row that fits; every table ends with one that always does."""
    row = next(row for row in table if row.fits(reply))
    return Judgement(row.name, row.says(reply, now))


# -- when a row fits


def status(*statuses: int) -> Fits:
    """One of these statuses."""
    return lambda reply: reply.status in statuses


def between(first: int, last: int) -> Fits:
    """A status in this range, both ends included."""
    return lambda reply: first <= reply.status <= last


def code(*codes: str) -> Fits:
    """The body names one of these codes, and it is an answer of less than 500."""
    return lambda reply: 200 <= reply.status < 500 and any(each in codes for each in reply.codes)


def is_untrusted(reply: Reply) -> bool:
    """Nothing was sent: the certificate is not trusted."""
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def is_unsent(reply: Reply) -> bool:
    """Nothing was sent, for any reason."""
    return isinstance(reply.failure, NotSentError)


def is_lost(reply: Reply) -> bool:
    """No whole answer came back."""
    return reply.failure is not None


def always(_: Reply) -> bool:
    """Anything."""
    return True


# -- what follows


def untrusted(reply: Reply, _: datetime) -> Hold:
    """A configuration to correct: nothing goes to a host that cannot prove who it is."""
    return Hold(Cause.CONFIGURATION, Scope.ACTION, f"{reply.failure}; set ca_file, or correct the address")


def not_sent(reply: Reply, _: datetime) -> Hold:
    """The host cannot be reached; nothing was tried."""
    return Hold(Cause.VENDOR_DOWN, Scope.ACTION, str(reply.failure))


def no_answer(reply: Reply, _: datetime) -> Doubt:
    """The request left, or a part of it, and no whole answer came back."""
    failure = reply.failure
    reason = failure.reason if isinstance(failure, AmbiguousError) else Reason.CONNECTION
    return Doubt(Unsure(reason, str(failure)))


def hold(cause: Cause, detail: str) -> Follows:
    """Certainly not accepted, and the next would fare the same.

    Holds are of the action: notify, http_alert and raise_alert depend on nothing in common.
    """
    return lambda reply, _: Hold(cause, Scope.ACTION, f"{reply.status}: {detail}")


def busy(cause: Cause, detail: str) -> Follows:
    """Certainly not accepted; again after what Retry-After says, or a minute (§9 #11)."""

    def says(reply: Reply, now: datetime) -> Hold:
        wait = wait_s(reply.headers, now) or _USUAL_S
        return Hold(cause, Scope.ACTION, f"{reply.status}: {detail}", wait)

    return says


def refused(code: str, detail: str, reason: Reason = Reason.REFUSED) -> Follows:
    """Certainly not accepted, for what is in the request."""
    return lambda reply, _: Refused(reason, f"{reply.status}: {detail}", reply.code or code)


def doubt(reason: Reason, detail: str) -> Follows:
    """It may have been accepted."""
    return lambda reply, _: Doubt(Unsure(reason, f"{reply.status}: {detail}"))


def down(detail: str) -> Follows:
    """It may have been accepted, and the host is not well."""

    def says(reply: Reply, now: datetime) -> Doubt:
        told = f"{reply.status}: {detail}"
        route = Hold(Cause.VENDOR_DOWN, Scope.ACTION, told, wait_s(reply.headers, now))
        return Doubt(Unsure(Reason.VENDOR_ERROR, told), route)

    return says


def collided(_: Reply, __: datetime) -> Collided:
    """Another customer's id."""
    return Collided()
