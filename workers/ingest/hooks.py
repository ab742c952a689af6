"""What the ingest path tells whoever counts: a hook, so that it depends on no metrics library."""

from enum import StrEnum
from typing import Protocol


class SignalOutcome(StrEnum):
    """What became of a signal; closed, safe as a metric label."""

    STORED = "stored"
    KEPT = "kept"  # bad, and a dead letter: its sender never sends again what was refused
    PASSED_OVER = "passed_over"  # good, and not this feed's to tell: another one has the say
    INVALID = "invalid"  # 400: not JSON, or fields that are missing or wrong
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"  # this topic is not the source's to write
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"  # body, packed or not, headers, items or record
    TOO_SLOW = "too_slow"
    RATE_LIMITED = "rate_limited"  # the source sends more than its limit: 429
    UNSUPPORTED = "unsupported"  # another method, content type or encoding
    UNCONFIRMED = "unconfirmed"  # the broker did not acknowledge: 503
    BUSY = "busy"  # too many bodies in memory: 503
    BUG = "bug"  # our own fault: 503


class IngestHook(Protocol):
    """Called once for each signal and each acknowledgement; must not raise."""

    def signal(self, source: str, outcome: SignalOutcome) -> None:
        """A signal ended; `source` is a configured name, or `unknown`."""
        ...

    def acknowledged(self, source: str, seconds: float) -> None:
        """Kafka confirmed an event so long after it was handed over."""
        ...

    def unknown_type(self, source: str) -> None:
        """A good signal said something that we have no word for; it is stored as UNKNOWN."""
        ...

    def substitute(self, source: str) -> None:
        """An event carries a substitute instead of the site's own customer id."""
        ...


class Uncounted:
    """Counts nothing."""

    def signal(self, source: str, outcome: SignalOutcome) -> None:
        """Nothing."""

    def acknowledged(self, source: str, seconds: float) -> None:
        """Nothing."""

    def unknown_type(self, source: str) -> None:
        """Nothing."""

    def substitute(self, source: str) -> None:
        """Nothing."""
