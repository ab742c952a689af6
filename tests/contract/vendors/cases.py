"""The ways in which a vendor may answer, and what each must come to: the same for every action of every sink."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, assert_never

HASTY_S = 0.3
"""How long a sink waits for an answer that a test holds back."""
RETRY_AFTER_S = 7


class Case(StrEnum):
    """What goes well or wrong."""

    ACCEPTED = "accepted"
    ROW_REFUSED = "row_refused"  # one record of two
    REQUEST_REFUSED = "request_refused"  # the whole of it, naming nobody
    THROTTLED = "throttled"
    QUOTA_GONE = "quota_gone"
    CREDENTIALS_EXPIRED = "credentials_expired"
    CREDENTIALS_REVOKED = "credentials_revoked"
    SERVER_ERROR = "server_error"
    TIME_OUT_BEFORE = "time_out_before_acting"
    TIME_OUT_AFTER = "time_out_after_acting"
    ACTS_LATE = "acts_late"  # after we have given up
    RESET_BEFORE = "reset_before_acting"
    RESET_AFTER = "reset_after_acting"
    HALF_AN_ANSWER = "half_an_answer"
    GARBAGE = "garbage_answer"
    OVERSIZED = "oversized_record"  # by our own count: nothing is sent
    TOO_LARGE = "too_large_there"  # by the vendor's
    REDIRECT = "redirect"
    CLOCK_SKEW = "clock_skew"


class GoesOn(StrEnum):
    """What is done about a delivery of which nobody can tell whether the vendor acted."""

    AGAIN = "again"  # repeatable, or the vendor recognises a repeat
    LOOKED_UP = "looked_up"  # the vendor is asked, and it is sent again where it was not done
    IN_DOUBT = "in_doubt"  # a person decides


@dataclass(frozen=True, slots=True)
class Told:
    """What a case comes to.

    `first`: verdict or hold of the first delivery. `end`: the verdict once all is well again. `sent`: how often the
    action's own request reached the vendor, both times together. `done`: how often it is true there in the end.
    """

    first: str
    end: str
    sent: int
    done: int

    def but(self, **other: Any) -> "Told":
        """The same, except for this."""
        return replace(self, **other)


HASTY = frozenset({Case.TIME_OUT_BEFORE, Case.TIME_OUT_AFTER, Case.ACTS_LATE})
"""Cases in which the sink must not wait long."""

UNSURE: Mapping[Case, tuple[str, bool]] = {
    Case.SERVER_ERROR: ("unsure vendor_error", False),
    Case.TIME_OUT_BEFORE: ("unsure time_out", False),
    Case.TIME_OUT_AFTER: ("unsure time_out", True),
    Case.ACTS_LATE: ("unsure time_out", True),
    Case.RESET_BEFORE: ("unsure connection", False),
    Case.RESET_AFTER: ("unsure connection", True),
    Case.HALF_AN_ANSWER: ("unsure connection", True),
    Case.GARBAGE: ("unsure vendor_error", True),
}
"""Cases in which the request left and no answer says what became of it; and whether the vendor acted."""

USUAL: Mapping[Case, Told] = {
    Case.ACCEPTED: Told("delivered", "delivered", sent=1, done=1),
    Case.ROW_REFUSED: Told("rejected invalid_field", "rejected invalid_field", sent=1, done=0),
    Case.REQUEST_REFUSED: Told("refused invalid_field", "rejected invalid_field", sent=1, done=0),
    Case.THROTTLED: Told("hold throttled", "delivered", sent=2, done=1),
    Case.QUOTA_GONE: Told("hold quota", "delivered", sent=2, done=1),
    Case.CREDENTIALS_EXPIRED: Told("delivered", "delivered", sent=2, done=1),
    Case.CREDENTIALS_REVOKED: Told("hold credentials", "delivered", sent=2, done=1),
    Case.OVERSIZED: Told("rejected oversized", "rejected oversized", sent=0, done=0),
    Case.TOO_LARGE: Told("refused oversized", "rejected oversized", sent=1, done=0),
    Case.REDIRECT: Told("hold configuration", "delivered", sent=2, done=1),
    Case.CLOCK_SKEW: Told("delivered", "delivered", sent=1, done=1),
}

_PAGE = "<html>nobody at home</html>"
SCRIPTS: Mapping[Case, Mapping[str, Any]] = {
    Case.REQUEST_REFUSED: {"status": 400},
    Case.THROTTLED: {"status": 429, "headers": {"retry-after": str(RETRY_AFTER_S)}},
    Case.SERVER_ERROR: {"status": 502, "body": _PAGE, "content_type": "text/html"},
    Case.TIME_OUT_BEFORE: {"kind": "hang", "act": False},
    Case.TIME_OUT_AFTER: {"kind": "hang"},
    Case.ACTS_LATE: {"kind": "late", "delay_s": HASTY_S + 0.1},
    Case.RESET_BEFORE: {"kind": "reset"},
    Case.RESET_AFTER: {"kind": "reset", "act": True},
    Case.HALF_AN_ANSWER: {"kind": "truncate"},
    Case.GARBAGE: {"status": 200, "body": _PAGE, "content_type": "text/html", "act": True},
    Case.TOO_LARGE: {"status": 413},
    Case.REDIRECT: {"status": 302, "headers": {"location": "/elsewhere"}},
}
"""How a case is scripted at a sandbox's control endpoint, where a vendor has no words of its own for it."""


def usual(case: Case, goes_on: GoesOn) -> Told:
    """What a case comes to, unless a vendor differs."""
    if case not in UNSURE:
        return USUAL[case]
    first, acts = UNSURE[case]
    match goes_on:
        case GoesOn.IN_DOUBT:
            return Told(first, "rejected in_doubt", sent=1, done=int(acts))
        case GoesOn.LOOKED_UP:
            return Told(first, "delivered", sent=1 if acts else 2, done=1)
        case GoesOn.AGAIN:
            return Told(first, "delivered", sent=2, done=1)
        case _:
            assert_never(goes_on)
