"""Old state must not overwrite new: which events have later ones of the same key behind them.

For a repeatable action (an upsert, a state) a redriven letter would write what was true then over what is true
now. A once-action makes something new each time, so nothing is overwritten.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from common.event import PartitionId, Position
from workers.sinks.tails import Log


class Place(NamedTuple):
    """An event's place in the log, and its key."""

    position: Position
    key: bytes

    @property
    def partition(self) -> PartitionId:
        """Where later events of its key would stand."""
        return PartitionId(self.position.topic, self.position.partition)


def stale(log: Log, places: Mapping[str, Place]) -> set[str]:
    """The names of those places that a later event of the same partition and key follows.

    Reads each topic from its oldest place to the end. What retention has deleted is not seen.
    """
    wanted = {(place.partition, place.key) for place in places.values()}
    last: dict[tuple[PartitionId, bytes | None], int] = {}
    for topic, starts in _starts(places.values()).items():
        for record in log.records(topic, starts):
            at = (PartitionId(topic, record.partition), record.key or b"")
            if at in wanted:
                last[at] = record.offset
    return {name for name, at in places.items() if last.get((at.partition, at.key), -1) > at.position.offset}


def _starts(places: Iterable[Place]) -> dict[str, dict[int, int]]:
    """Topic -> partition -> the offset after the oldest place there."""
    starts: dict[str, dict[int, int]] = {}
    for topic, partition, offset in (place.position for place in places):
        of_topic = starts.setdefault(topic, {})
        of_topic[partition] = min(offset + 1, of_topic.get(partition, offset + 1))
    return starts
