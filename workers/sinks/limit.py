"""What a vendor allows the whole fleet, and what it says of it."""

from dataclasses import dataclass
from enum import StrEnum


class WindowKind(StrEnum):
    """How a vendor counts requests."""

    SLIDING = "sliding"  # the last `window_s` seconds
    ALIGNED = "aligned"  # windows that begin at multiples of `window_s` of the clock
    DAY = "day"  # from midnight to midnight in `zone`


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in a window, for the whole fleet. `window_s` of a day is 86,400; `zone` counts for days.

    `is_counted`: the vendor counts it itself, other integrations included, and tells (`Sink.counted`); of more
    than a minute then, and one of a sink's limits at most.
    """

    requests: int
    window_s: float
    kind: WindowKind = WindowKind.SLIDING
    zone: str = "UTC"
    is_counted: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """What a vendor says of the window that it counts: requests that were made in it, or still may; one or both."""

    used: int | None = None
    remaining: int | None = None
