"""The pace of a runner: how much at once, how long it waits, and when it gives up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How a runner works, in seconds and counts: see SinkConfig for each field's sentence."""

    max_in_flight: int
    linger_s: float
    backoff_base_s: float
    backoff_cap_s: float
    patience_s: float
    give_up_s: float
    give_up_once_s: float
    drain_s: float
    in_hand: int = 4_000
