"""`commfleet offsets accept`: an operator says that a group may go on from commits that are not ours, or missing.

Pure. A worker stops where a commit was written by another tool, where offsets expired, and where they point
outside of the log. Accepting writes commits of our version: a foreign offset is kept, a missing one begins where
the operator says, one below the log moves to its begin (what was there is lost, and told).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from common.event import Commit, OutRecord, PartitionId
from workers.sinks.commit_map import ForeignCommitError, commit_of, read_commit
from workers.sinks.headers import MARKER
from workers.sinks.progress import NOTHING, Inherited, Progress


def command_of(retry_topic: str) -> str:
    """The command line that accepts offsets for the group of this retry topic."""
    _, sink, group, _ = retry_topic.rsplit(".", 3)
    return f"commfleet offsets accept {sink} --group {group}"


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done about one partition; no `offset` when the operator has to say --from first."""

    partition: PartitionId
    was: int | None
    offset: int | None
    why: str
    inherited: Inherited = NOTHING


class Starting(Protocol):
    """Where a partition begins that has no offset of its own; None when nobody said."""

    def __call__(self, partition: PartitionId) -> int | None: ...


def changes(
    stored: Mapping[PartitionId, Commit | None], bounds: Mapping[PartitionId, tuple[int, int]], start: Starting
) -> Iterator[Change]:
    """Every partition that a worker would not go on with; what is ours and within the log stays as it is."""
    for id_, commit in stored.items():
        low, high = bounds[id_]
        if commit is None:
            yield Change(id_, None, start(id_), "has no committed offset")
            continue
        inherited, is_ours = _read(commit)
        if commit.offset > high:
            why = f"its offset is beyond the log's end {high}: the topic was made anew"
            yield Change(id_, commit.offset, start(id_), why)
        elif commit.offset < low:
            why = f"records {commit.offset} to {low - 1} were deleted before they were delivered"
            yield Change(id_, commit.offset, low, why, inherited.above(low))
        elif not is_ours:
            yield Change(id_, commit.offset, commit.offset, "was committed by another tool or release")


def commits(planned: Collection[Change], nonce: str) -> dict[PartitionId, Commit]:
    """The commits that carry out a plan."""
    return {
        change.partition: commit_of(Progress(change.offset, change.inherited), nonce)
        for change in planned
        if change.offset is not None
    }


def markers(retry_topic: str, partitions: int, marked: Collection[int]) -> list[OutRecord]:
    """Start markers for the retry partitions that have none: their start is decided now (starts.py)."""
    count = ((MARKER, str(partitions).encode()),)
    return [OutRecord(retry_topic, None, None, count, number) for number in range(partitions) if number not in marked]


def _read(commit: Commit) -> tuple[Inherited, bool]:
    try:
        return read_commit(commit), True
    except ForeignCommitError:
        return NOTHING, False
