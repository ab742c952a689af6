"""Where a partition without a commit begins: a new group, a new partition, or offsets that expired.

A partition number's first start offsets are committed in one transaction with a marker on its retry
partition, which is kept for ever and names the partition count seen. So a group whose offsets expired is told
from one that has never run: nothing silently begins at the beginning and sends last month again.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

from common.errors import FatalError
from common.event import OutRecord, PartitionId
from workers.sinks.accept import command_of
from workers.sinks.commit_map import commit_of
from workers.sinks.headers import MARKER
from workers.sinks.progress import Progress
from workers.sinks.publisher import Transactions


class Bounds(Protocol):
    """What a consumer knows of partitions without reading them (common/kafka/consumer.py)."""

    def resolve(self, partitions: Collection[PartitionId], start: str | datetime) -> dict[PartitionId, int]: ...
    def group_metadata(self) -> Any: ...


class Markers(Protocol):
    """Reads the markers of a retry topic (workers/sinks/tails.py)."""

    def counts(self) -> Mapping[int, int]:
        """Partition number -> the partition count that its marker names; numbers without a marker are absent."""
        ...

    def partition_count(self) -> int:
        """How many partitions the retry topic has now."""
        ...


class FirstStarts:
    """Decides, once for each partition number, and remembers that it did."""

    def __init__(
        self, bounds: Bounds, markers: Markers, transactions: Transactions, start_from: str | datetime, retry_topic: str
    ) -> None:
        self._bounds, self._markers, self._transactions = bounds, markers, transactions
        self._start_from, self._retry_topic = start_from, retry_topic

    @property
    def way_out(self) -> str:
        """The command with which an operator decides what this must not."""
        return command_of(self._retry_topic)

    def resolve(
        self, partitions: Collection[PartitionId], known: Collection[int], nonce: str
    ) -> dict[PartitionId, int]:
        """The start offsets, marked and committed with an owner's nonce.

        `known` are the numbers of which other topics have commits: there, a topic is new to the group. Raises
        FatalError when offsets expired.
        """
        counts = self._markers.counts()
        numbers = {id_.partition for id_ in partitions} - set(known)
        expired = sorted(numbers & counts.keys())
        if expired:
            raise FatalError(
                f"partitions {', '.join(map(str, expired))} were read before and have no committed offsets: they "
                "expired (offsets.retention.minutes), or were deleted. Nothing is sent before somebody decides from "
                f"where: `{self.way_out} --from beginning|end|TIME`"
            )
        # a marker of partition 0 that counts fewer partitions: these were added later, nothing in them is old
        later = {number for number in numbers if 0 < counts.get(0, 0) <= number}
        starts = self._bounds.resolve([id_ for id_ in partitions if id_.partition not in later], self._start_from)
        starts |= self._bounds.resolve([id_ for id_ in partitions if id_.partition in later], "beginning")
        count = str(self._markers.partition_count()).encode()
        markers = [OutRecord(self._retry_topic, None, None, ((MARKER, count),), number) for number in numbers]
        commits = {id_: commit_of(Progress(offset), nonce) for id_, offset in starts.items()}
        self._transactions.commit(markers, commits, self._bounds.group_metadata())
        return starts
