"""Progress and the commit map, for any order of completion and any crash point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.event import Commit
from workers.sinks.commit_map import (
    MAX_CHARACTERS,
    MAX_SPAN,
    ForeignCommitError,
    commit_of,
    done_above,
    new_nonce,
    nonce_of,
)
from workers.sinks.progress import Progress


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]], list[int]]:
    """A start, records with gaps as (offset, deliveries), and the order in which some deliveries end."""
    start = draw(st.integers(0, 10**12))
    gaps = draw(st.lists(st.integers(1, 5), max_size=60))
    offsets = [start + sum(gaps[: index + 1]) - 1 for index in range(len(gaps))]
    records = [(offset, draw(st.integers(0, 3))) for offset in offsets]
    ends = [offset for offset, deliveries in records for _ in range(deliveries)]
    order = draw(st.permutations(ends))
    return start, records, order[: draw(st.integers(0, len(order)))]


def played(start: int, records: list[tuple[int, int]], ended: list[int]) -> Progress:
    progress = Progress(start)
    for offset, deliveries in records:
        progress.track(offset, deliveries)
    for offset in ended:
        progress.resolve(offset)
    return progress


def left(records: list[tuple[int, int]], ended: list[int]) -> list[int]:
    return [offset for offset, deliveries in records if deliveries > ended.count(offset)]


@given(histories())
def test_the_watermark_is_the_first_open_record(history: tuple[int, list[tuple[int, int]], list[int]]) -> None:
    """Everything below the watermark is done, in whatever order deliveries ended."""
    start, records, ended = history
    progress = played(start, records, ended)
    still_open = left(records, ended)
    assert progress.watermark == (still_open[0] if still_open else progress.position)
    assert progress.is_idle == (not still_open)


@given(histories())
def test_a_crash_after_a_commit_forgets_nothing(history: tuple[int, list[tuple[int, int]], list[int]]) -> None:
    """The next owner skips exactly what was done: no open record is skipped, no finished one is repeated."""
    start, records, ended = history
    progress = played(start, records, ended)
    commit = commit_of(progress, new_nonce())
    skipped = done_above(commit)
    again = [o for o, deliveries in records if o >= commit.offset and o not in skipped and deliveries]
    assert again == left(records, ended)


@given(histories(), st.data())
def test_a_settlement_counts_as_done_before_it_is(
    history: tuple[int, list[tuple[int, int]], list[int]], data: st.DataObject
) -> None:
    """A transaction commits what will be true once it stands; progress itself does not move."""
    start, records, ended = history
    progress = played(start, records, ended)
    still_open = left(records, ended)
    chosen = data.draw(st.sets(st.sampled_from(still_open))) if still_open else set()
    pending = {o: dict(records)[o] - ended.count(o) for o in chosen}
    before = progress.watermark
    commit = commit_of(progress, new_nonce(), pending)
    remaining = [o for o in still_open if o not in chosen]
    assert commit.offset == (remaining[0] if remaining else progress.position)
    assert progress.watermark == before


def test_a_full_window_fits_into_the_metadata() -> None:
    """Kafka keeps 4,095 characters with an offset; the widest map stays below."""
    progress = Progress(0)
    progress.track(0, 1)
    for offset in range(1, MAX_SPAN):
        progress.track(offset, 0)
    commit = commit_of(progress, new_nonce())
    assert len(commit.metadata) <= MAX_CHARACTERS
    assert done_above(commit) == frozenset(range(1, MAX_SPAN))


def test_a_commit_names_its_owner() -> None:
    """The nonce tells whether somebody else owned the partition in between."""
    nonce = new_nonce()
    assert nonce_of(commit_of(Progress(7), nonce)) == nonce


@pytest.mark.parametrize("metadata", ["", "x", "2abcdefgh", "1abc", "1abcdefgh!!!"])
def test_a_commit_that_is_not_ours_is_told(metadata: str) -> None:
    """An offset reset by another tool, or written by a newer release, is never taken for ours."""
    with pytest.raises(ForeignCommitError):
        done_above(Commit(5, metadata))


def test_an_offset_is_tracked_once() -> None:
    """Going back would count a record twice."""
    progress = Progress(5)
    progress.track(5, 1)
    with pytest.raises(ValueError, match="already tracked"):
        progress.track(5, 1)
