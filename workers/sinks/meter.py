"""What a runner counts. The metrics' names and help stand in common/metrics.py."""

from collections.abc import Sequence
from typing import Protocol

from workers.sinks.routes import RouteHold


class Meter(Protocol):
    """One runner's figures; called from its thread."""

    def consumed(self, topic: str, count: int) -> None:
        """Records read of a topic."""
        ...

    def batched(self, action: str, size: int) -> None:
        """A batch left with so many deliveries."""
        ...

    def attempted(self, action: str, verdict: str, count: int) -> None:
        """Verdicts of tries, ends or not."""
        ...

    def ended(self, flow: str, action: str, verdict: str, reason: str, latencies_s: Sequence[float]) -> None:
        """Deliveries that ended, one latency (occurred_at to end) each."""
        ...

    def committed(self, seconds: float) -> None:
        """A commit was acknowledged after so long."""
        ...

    def rebalanced(self) -> None:
        """The group gave or took partitions."""
        ...

    def holds(self, holds: Sequence[RouteHold]) -> None:
        """The routes that are held now."""
        ...

    def load(self, in_flight: int, lanes_waiting: int) -> None:
        """Deliveries that are being sent, and lanes that wait for a time."""
        ...

    def budget_left(self, requests: int | None) -> None:
        """Requests that the vendor's windows allow this worker now; None where nothing bounds them."""
        ...

    def budget_waited(self, seconds: float) -> None:
        """A request waited so long for the vendor's budget; from any thread."""
        ...

    def remembered(self, keys_parked: int, ids: int) -> None:
        """Keys that are parked, and event ids that are remembered to tell duplicates."""
        ...

    def scalable(self, records: int) -> None:
        """Records that wait for nothing but a worker."""
        ...

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Records of a partition that are not settled yet."""
        ...

    def unassigned(self, topic: str, partition: int) -> None:
        """A partition is not ours any more: its lag is another's to tell."""
        ...

    def oldest(self, seconds: float) -> None:
        """Age of the oldest event that is not settled yet; 0 without one."""
        ...


class NoMeter:
    """Counts nothing; for tests and benchmarks of the bare path."""

    def consumed(self, topic: str, count: int) -> None:
        """Nothing."""

    def batched(self, action: str, size: int) -> None:
        """Nothing."""

    def attempted(self, action: str, verdict: str, count: int) -> None:
        """Nothing."""

    def ended(self, flow: str, action: str, verdict: str, reason: str, latencies_s: Sequence[float]) -> None:
        """Nothing."""

    def committed(self, seconds: float) -> None:
        """Nothing."""

    def rebalanced(self) -> None:
        """Nothing."""

    def holds(self, holds: Sequence[RouteHold]) -> None:
        """Nothing."""

    def load(self, in_flight: int, lanes_waiting: int) -> None:
        """Nothing."""

    def budget_left(self, requests: int | None) -> None:
        """Nothing."""

    def budget_waited(self, seconds: float) -> None:
        """Nothing."""

    def remembered(self, keys_parked: int, ids: int) -> None:
        """Nothing."""

    def scalable(self, records: int) -> None:
        """Nothing."""

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Nothing."""

    def unassigned(self, topic: str, partition: int) -> None:
        """Nothing."""

    def oldest(self, seconds: float) -> None:
        """Nothing."""
