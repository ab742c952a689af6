"""One partition number in its owner's hands: where it is, what waits to be applied, what waits to be published."""

from collections import deque
from dataclasses import dataclass, field

from common.kafka.consumer import Record
from common.store.partitions import Holding
from common.store.values import Outgoing
from workers.journeys.freshness import Freshness


@dataclass(slots=True)
class Lot:
    """A partition number of all topics. While `trouble` says why, its records wait, and its partitions are paused.

    `since` is when it was taken over (microseconds), `read_ms` when the last record that was applied was written.
    """

    holding: Holding
    outgoing: list[Outgoing]
    since: int = 0
    read_ms: int = 0
    unapplied: deque[Record] = field(default_factory=deque)
    freshness: Freshness = field(default_factory=Freshness)
    trouble: str = ""
    cause: str = ""
    retry_at: float = 0.0
    asked_at: float = float("-inf")
    pruned_at: float = float("-inf")
    is_paused: bool = False
