"""What became of deliveries, and of the route that they took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from common.reasons import Cause, Reason


class Scope(StrEnum):
    """How much a hold stops: every action of the sink, or the one action."""

    SINK = "sink"
    ACTION = "action"


_NO_IDS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Yielded:
    """An event that a delivery makes: it is written in one transaction with the delivery's offset.

    `topic` is the logical name of an event topic, `value` a whole event of it, with a deterministic event_id.
    """

    topic: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The vendor accepted this very record; `events` are what the action yields instead of a request."""

    vendor_ids: Mapping[str, str] = field(default_factory=lambda: _NO_IDS)
    events: Sequence[Yielded] = ()


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Deliberately not sent."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Rejected:
    """Needs a person. `detail` is ours, never the vendor's echo of keys or addresses.

    `events` tell people of it who do not watch dead letters; they are written together with the letter.
    """

    reason: Reason
    detail: str = ""
    vendor_code: str = ""
    events: Sequence[Yielded] = ()


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certainly not done; again later, after `retry_after_s` when the vendor gave a hint."""

    reason: Reason
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody can tell whether the vendor acted."""

    reason: Reason
    detail: str = ""


Verdict = Delivered | Suppressed | Rejected | Deferred | Unsure


@dataclass(frozen=True, slots=True)
class Hold:
    """The route cannot proceed: no attempt is spent, nothing is dead-lettered.

    `retry_after_s` is the vendor's own hint; without one the runner backs off and probes.
    """

    cause: Cause
    scope: Scope
    detail: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A verdict for each item, in the batch's order, and a hold of the route where one follows."""

    verdicts: Sequence[Verdict]
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor certainly refused the request and named nobody: the runner bisects.

    `reason` is what a lone culprit is rejected with.
    """

    reason: Reason
    detail: str
    vendor_code: str = ""


Outcome = Answered | Refused | Hold
