"""The pieces that the answer tables are written in: when a row fits, and what follows from it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.errors import AmbiguousError
from common.reasons import Cause, Reason
from workers.sinks.api import Hold, Refused, Scope, Unsure
from workers.vendors.exstream.patience import wait_s
from workers.vendors.exstream.reply import Reply
from workers.vendors.exstream.signs import Fits


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is generated, or started; `vendor_ids` is what the receipt names, `document_id` what can be fulfilled."""

    vendor_ids: Mapping[str, str] = field(default_factory=dict)
    document_id: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The vendor may have acted; the route is held where it is not well."""

    unsure: Unsure
    hold: Hold | None = None


Said = Accepted | Refused | Hold | Doubt
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

    Holds are of the action: start_service and publish_preferences depend on nothing in common.
    """
    return lambda reply, _: Hold(cause, Scope.ACTION, f"{reply.status}: {detail}")


def busy(cause: Cause, detail: str) -> Follows:
    """Certainly not accepted; again after what Retry-After says, or a minute."""
    return lambda reply, now: Hold(cause, Scope.ACTION, f"{reply.status}: {detail}", wait_s(reply.headers, now))


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
        wait = wait_s(reply.headers, now) if "retry-after" in reply.headers else None
        return Doubt(Unsure(Reason.VENDOR_ERROR, told), Hold(Cause.VENDOR_DOWN, Scope.ACTION, told, wait))

    return says
