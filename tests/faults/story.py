"""What a fault history leaves behind when everything is quiet: the evidence that the checkers read. Only values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.faults.events import Delivery, FlowLine, Mark

AMBIGUOUS_FROM = 500
PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Produced:
    """An event that the broker acknowledged, and where it stands."""

    mark: Mark
    partition: int
    offset: int


@dataclass(slots=True)
class Request:
    """One request as the vendor saw it; times are monotonic seconds. `status` stays None without an answer."""

    by: str
    action: str
    objects: Sequence[Delivery]
    arrived_at: float
    status: int | None = None
    ended_at: float | None = None
    retry_after_s: float | None = None
    refused: frozenset[Delivery] = frozenset()

    def is_ambiguous(self, patience_s: float) -> bool:
        """Whether its sender cannot know what became of it."""
        if self.status is None or self.status >= AMBIGUOUS_FROM or self.status == 408 or self.ended_at is None:
            return True
        return self.ended_at - self.arrived_at >= patience_s


@dataclass(frozen=True, slots=True)
class Act:
    """The vendor did something about one delivery: what cannot be undone."""

    delivery: Delivery
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. A record that no flow could use has no flow, and stands for all of them."""

    mark: Mark
    flow: str
    reason: str
    worker: str
    address: str = ""


class End(StrEnum):
    """How a worker's life ended."""

    CALM = "calm"  # SIGTERM, exit 0
    KILLED = "killed"
    BADLY = "badly"  # by itself, not asked


@dataclass(slots=True)
class Life:
    """One process of a worker, from its start to its end. `name` is what the vendor knows it by."""

    name: str
    worker: str
    started_at: float
    ended_at: float | None = None
    end: End | None = None
    code: int = 0
    asleep: list[tuple[float, float]] = field(default_factory=list)
    """Stopped and continued (SIGSTOP, SIGCONT), longer than a session."""

    @property
    def is_killed(self) -> bool:
        """Whether it had no chance to settle."""
        return self.end is End.KILLED


@dataclass(frozen=True, slots=True)
class Disruption:
    """A life that could not settle what it had out: killed, asleep, or cut off from the broker."""

    by: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Counted:
    """What one worker's /metrics said when everything was quiet."""

    ended: Mapping[tuple[str, str], int]
    """deliveries_total by flow and verdict."""
    requests: Mapping[tuple[str, str], int]
    """vendor_requests_total by action and status."""
    letters: int
    """dead_letters_total."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a group has committed for a partition."""

    offset: int
    metadata: str
    end: int


@dataclass(frozen=True, slots=True)
class Story:
    """One history's evidence.

    `in_flight` is how many deliveries a worker may have out at once; `patience_s` the client's read
    time-out; `poison` what the vendor refuses for good; `outages` when the broker was away.
    """

    flows: Sequence[FlowLine]
    produced: Sequence[Produced]
    requests: Sequence[Request]
    acts: Sequence[Act]
    letters: Sequence[Letter]
    lives: Sequence[Life]
    in_flight: int
    patience_s: float
    optional_flows: Sequence[FlowLine] = ()
    poison: frozenset[Delivery] = frozenset()
    outages: Sequence[tuple[float, float]] = ()
    counted: Mapping[str, Counted] = field(default_factory=dict)
    stored: Mapping[tuple[str, int], Stored] = field(default_factory=dict)
    receipts: Sequence[tuple[Delivery, str]] = ()
    """What the receipts say: the delivery and its verdict."""

    @property
    def once(self) -> frozenset[str]:
        """The names of the flows whose action must not be made twice."""
        return frozenset(flow.name for flow in (*self.flows, *self.optional_flows) if flow.is_once)

    @property
    def disruptions(self) -> list[Disruption]:
        """Everything that may leave a partition with somebody else, unprepared."""
        return [
            *(Disruption(one.name, one.ended_at, one.ended_at) for one in self.lives if one.is_killed and one.ended_at),
            *(Disruption(life.name, since, until) for life in self.lives for since, until in life.asleep),
            *(Disruption(life.name, *away) for life in self.lives for away in self.outages if _lived(life, *away)),
        ]


def _lived(life: Life, since: float, until: float) -> bool:
    return life.started_at < until and (life.ended_at is None or life.ended_at > since)
