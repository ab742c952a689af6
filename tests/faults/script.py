"""What the scripted vendor may do with a request instead of accepting it at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accept:
    """Act, take `delay_s` for it, answer success. Objects that are poison are refused by name."""

    delay_s: float = 0.02


@dataclass(frozen=True, slots=True)
class Slow:
    """Think for a while, then act and answer: within the client's patience."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """429, nothing done, and how long to stay away."""

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Fail:
    """Another status than success; a 5xx may hide that the vendor acted."""

    status: int
    acts: bool = False
    message: str = "scripted failure"


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer for `seconds`, then the connection ends; it may act at once, or late, or never."""

    seconds: float
    acts_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """A TCP reset instead of an answer, before or after acting."""

    acts: bool = False


Script = Accept | Slow | Throttle | Fail | Hang | Reset
