"""Progress and the commit map, for any order of completion, any crash point and any size."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.event import Commit
from workers.sinks.commit_map import (
    MAX_CHARACTERS,
    MAX_SPAN,
    ForeignCommitError,
    commit_of,
    new_nonce,
    nonce_of,
    read_commit,
    room,
)
from workers.sinks.progress import Mark, Progress

FLOWS = (11, 22, 33)
ONCE = frozenset({11, 33})


@dataclass(frozen=True)
class History:
    """A start, records as offset -> flows, and the deliveries that were settled or named, in order."""

    start: int
    records: dict[int, tuple[int, ...]]
    settled: list[Mark]
    named: list[Mark]

    def left(self, offset: int) -> set[int]:
        return set(self.records[offset]) - {mark.flow for mark in self.settled if mark.offset == offset}

    @property
    def open(self) -> list[int]:
        return [offset for offset in self.records if self.left(offset)]

    def played(self) -> Progress:
        progress = Progress(self.start)
        for offset, flows in self.records.items():
            progress.track(offset, len(flows))
        for mark in self.named:
            progress.intend(mark)
        for mark in self.settled:
            progress.resolve(*mark)
        return progress


@st.composite
def histories(draw: st.DrawFn) -> History:
    start = draw(st.integers(0, 10**12))
    gaps = draw(st.lists(st.integers(1, 5), max_size=40))
    offsets = [start + sum(gaps[: index + 1]) - 1 for index in range(len(gaps))]
    records = {offset: FLOWS[: draw(st.integers(0, 3))] for offset in offsets}
    marks = [Mark(offset, flow) for offset, flows in records.items() for flow in flows]
    order = draw(st.permutations(marks))
    settled = order[: draw(st.integers(0, len(order)))]
    named = draw(st.lists(st.sampled_from(marks), unique=True)) if marks else []
    return History(start, records, settled, named)


@given(histories())
def test_the_watermark_is_the_first_open_record(history: History) -> None:
    """Everything below the watermark is done, in whatever order deliveries ended."""
    progress = history.played()
    assert progress.watermark == (history.open[0] if history.open else progress.position)
    assert progress.is_idle == (not history.open)


@given(histories())
def test_a_crash_after_a_commit_forgets_nothing(history: History) -> None:
    """The next owner skips what was settled, doubts what was named, and does all the rest."""
    inherited = read_commit(commit_of(history.played(), new_nonce()))
    watermark = history.open[0] if history.open else history.played().position
    for offset, flows in history.records.items():
        if offset < watermark:
            continue
        assert (offset in inherited.done) == (not history.left(offset))
        if offset in inherited.done:
            continue
        left = history.left(offset)
        assert {flow for flow in flows if Mark(offset, flow) in inherited.settled} == set(flows) - left
        named = {mark.flow for mark in history.named if mark.offset == offset}
        assert {flow for flow in flows if Mark(offset, flow) in inherited.intents} == named & left


@given(histories(), st.data())
def test_what_was_inherited_survives_a_second_crash(history: History, data: st.DataObject) -> None:
    """An owner that dies before it has read everything leaves as much as it was left."""
    first = commit_of(history.played(), new_nonce())
    inherited = read_commit(first)
    second = Progress(first.offset, inherited)
    unread = [offset for offset in history.records if offset >= first.offset]
    for offset in unread[: data.draw(st.integers(0, len(unread)))]:
        flows = history.records[offset]
        settled = [flow for flow in flows if Mark(offset, flow) in inherited.settled]
        left = [] if offset in inherited.done else [flow for flow in flows if flow not in settled]
        second.track(offset, len(left), settled)
        for flow in left:
            if Mark(offset, flow) in inherited.intents:
                second.intend(Mark(offset, flow))
    commit = commit_of(second, new_nonce())
    again = read_commit(commit)
    assert {o for o in inherited.done if o >= commit.offset} <= again.done
    assert {m for m in inherited.settled if m.offset >= commit.offset} == again.settled
    assert {m for m in inherited.intents if m.offset >= commit.offset} == again.intents
    assert not [o for o in history.open if o < commit.offset or o in again.done]


@given(histories(), st.data())
def test_a_settlement_counts_as_done_before_it_is(history: History, data: st.DataObject) -> None:
    """A transaction commits what will be true once it stands; progress itself does not move."""
    progress = history.played()
    marks = [Mark(offset, flow) for offset in history.open for flow in sorted(history.left(offset))]
    chosen = data.draw(st.lists(st.sampled_from(marks), unique=True)) if marks else []
    pending: dict[int, set[int]] = {}
    for mark in chosen:
        pending.setdefault(mark.offset, set()).add(mark.flow)
    before = progress.watermark
    commit = commit_of(progress, new_nonce(), pending)
    after = History(history.start, history.records, [*history.settled, *chosen], history.named)
    assert commit.offset == (after.open[0] if after.open else progress.position)
    assert read_commit(commit) == read_commit(commit_of(after.played(), new_nonce()))
    assert progress.watermark == before


@given(st.integers(0, 3000), st.integers(0, 700), st.integers(0, 700), st.integers(0, 700))
def test_whatever_must_be_remembered_fits(span: int, named: int, once: int, repeatable: int) -> None:
    """While naming keeps to the room, no intent and no settled once-delivery is left out of 4,095 characters."""
    progress = Progress(0)
    for offset in range(span + 1):
        progress.track(offset, 2)
    for offset in range(min(once, span)):
        if room(progress, MAX_SPAN, ONCE.__contains__) > 0:
            progress.resolve(offset, 11)
    for offset in range(min(repeatable, span)):
        if offset not in progress.partly:
            progress.resolve(offset, 22)
    for offset in range(min(named, span)):
        if room(progress, MAX_SPAN, ONCE.__contains__) > 0:
            progress.intend(Mark(offset, 33))
    commit = commit_of(progress, new_nonce(), is_once=ONCE.__contains__)
    inherited = read_commit(commit)
    assert len(commit.metadata) <= MAX_CHARACTERS
    assert inherited.intents == progress.intents
    kept = {Mark(offset, flow) for offset, flows in progress.partly.items() for flow in flows if flow in ONCE}
    assert kept <= inherited.settled


def test_a_full_window_fits_into_the_metadata() -> None:
    """Kafka keeps 4,095 characters with an offset; the widest bitmap leaves room for intents."""
    progress = Progress(0)
    progress.track(0, 1)
    for offset in range(1, MAX_SPAN):
        progress.track(offset, 0)
    commit = commit_of(progress, new_nonce())
    assert len(commit.metadata) <= MAX_CHARACTERS
    assert read_commit(commit).done == frozenset(range(1, MAX_SPAN))
    assert room(progress, MAX_SPAN, lambda _: True) > 300


def test_a_commit_names_its_owner() -> None:
    """The nonce tells whether somebody else owned the partition in between."""
    nonce = new_nonce()
    assert nonce_of(commit_of(Progress(7), nonce)) == nonce


@pytest.mark.parametrize(
    "metadata", ["", "x", "2abcdefgh", "1abc", "1abcdefgh!!!", "1abcdefgh.AAA", "1abcdefgh.AAAAAAA="]
)
def test_a_commit_that_is_not_ours_is_told(metadata: str) -> None:
    """An offset reset by another tool, or written by a newer release, is never taken for ours."""
    with pytest.raises(ForeignCommitError):
        read_commit(Commit(5, metadata))


def test_an_offset_is_tracked_once() -> None:
    """Going back would count a record twice."""
    progress = Progress(5)
    progress.track(5, 1)
    with pytest.raises(ValueError, match="already tracked"):
        progress.track(5, 1)
