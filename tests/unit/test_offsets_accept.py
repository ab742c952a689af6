"""`offsets accept`: which commits an operator is asked about, and what is written for them."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from common.event import Commit, PartitionId
from workers import offsets_command
from workers.cli import main
from workers.offsets_command import Group, Plan
from workers.sinks.accept import Change, changes, command_of, commits, markers
from workers.sinks.commit_map import commit_of, nonce_of, read_commit
from workers.sinks.headers import MARKER
from workers.sinks.progress import Mark, Progress

HERE = PartitionId("p.comms.workspace.v1", 3)
OURS = "ownersno"


def change_of(commit: Commit | None, low: int = 0, high: int = 100, start: int | None = None) -> Change | None:
    """What would be done about one partition."""
    return next(changes({HERE: commit}, {HERE: (low, high)}, lambda _: start), None)


def ours(offset: int) -> Commit:
    """A commit at an offset, of which 12 above it are read, two of them done and one partly."""
    progress = Progress(offset)
    for number in range(offset, offset + 12):
        progress.track(number, 2)
    for number in (offset + 5, offset + 6):
        progress.resolve(number, 1)
        progress.resolve(number, 2)
    progress.intend(Mark(offset + 7, 1))
    return commit_of(progress, OURS)


@pytest.mark.parametrize("offset", [0, 50, 100])
def test_our_own_commits_stay(offset: int) -> None:
    """Also at the very ends of the log."""
    assert change_of(ours(offset)) is None


@pytest.mark.parametrize("metadata", ["", "reset by a tool", "2newerrel"])
def test_a_foreign_commit_keeps_its_offset(metadata: str) -> None:
    """Whoever reset it meant that place; --from does not move it."""
    change = change_of(Commit(40, metadata), start=7)

    assert change is not None
    assert (change.was, change.offset) == (40, 40)


@pytest.mark.parametrize("start", [None, 7])
def test_a_missing_commit_begins_where_the_operator_says(start: int | None) -> None:
    """Without a word nothing is decided."""
    change = change_of(None, start=start)

    assert change is not None
    assert (change.was, change.offset) == (None, start)


def test_an_offset_below_the_log_moves_to_its_begin() -> None:
    """What was deleted is lost and told; what was done above it stays done."""
    change = change_of(ours(10), low=15, start=50)

    assert change is not None
    assert change.offset == 15
    assert "records 10 to 14 were deleted" in change.why
    left = read_commit(commits([change], OURS)[HERE])
    assert (set(left.done), set(left.intents)) == ({15, 16}, {Mark(17, 1)})


def test_an_offset_beyond_the_log_is_not_kept() -> None:
    """The topic was made anew: its records would be skipped."""
    change = change_of(ours(200), start=0)

    assert change is not None
    assert (change.was, change.offset) == (200, 0)


def test_accepted_commits_are_of_our_version() -> None:
    """With a nonce of their own: no running worker takes them for its own."""
    change = change_of(Commit(40, ""))
    assert change is not None

    commit = commits([change], "accepted")[HERE]

    assert (commit.offset, nonce_of(commit), bool(read_commit(commit))) == (40, "accepted", False)


def test_what_is_undecided_is_not_committed() -> None:
    """There is no offset to write."""
    change = change_of(None)
    assert change is not None

    assert commits([change], "accepted") == {}


def test_missing_start_markers_are_written_once() -> None:
    """So that offsets that expire a second time are noticed again."""
    written = markers("p.comms.retry.braze.main.v1", 4, {0, 2})

    assert [(record.partition, record.headers) for record in written] == [(n, ((MARKER, b"4"),)) for n in (1, 3)]


@pytest.mark.parametrize("prefix", ["", "test.eu."])
def test_the_way_out_names_sink_and_group(prefix: str) -> None:
    """As it is typed."""
    assert command_of(f"{prefix}comms.retry.ecm.consent.v1") == "commfleet offsets accept ecm --group consent"


GROUP = Group("p.commfleet.ecm.main", "ecm", (HERE.topic,), "p.comms.retry.ecm.main.v1")


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Plan]]:
    """Plans with these changes; the list of those that were carried out."""

    def planned(*found: Change) -> list[Plan]:
        done: list[Plan] = []
        monkeypatch.setattr(offsets_command, "groups", lambda *_: [GROUP])
        monkeypatch.setattr(offsets_command, "plan", lambda *_: Plan(GROUP, found, 43))
        monkeypatch.setattr(offsets_command, "accept", lambda _, one: done.append(one))
        return done

    return planned


def test_the_plan_is_shown_before_anything_is_committed(accepted: Callable[..., list[Plan]]) -> None:
    """Without a yes it ends there."""
    done = accepted(Change(HERE, 40, 40, "was committed by another tool or release"))

    asked = CliRunner().invoke(main, ["offsets", "accept", "ecm"], input="n\n")
    agreed = CliRunner().invoke(main, ["offsets", "accept", "ecm", "--yes"])

    assert (asked.exit_code, agreed.exit_code, len(done)) == (1, 0, 1)
    assert "p.comms.workspace.v1/3" in asked.output
    assert "1 partitions to accept, 43 stay as they are" in asked.output
    assert agreed.output.endswith("1 offsets committed\n")


def test_an_open_start_is_the_operators_to_say(accepted: Callable[..., list[Plan]]) -> None:
    """Also with --yes."""
    done = accepted(Change(HERE, None, None, "has no committed offset"))

    answer = CliRunner().invoke(main, ["offsets", "accept", "ecm", "--yes"])

    assert (answer.exit_code, done) == (1, [])
    assert "say --from beginning|end|TIME" in answer.output


def test_where_nothing_is_wrong_nothing_is_asked(accepted: Callable[..., list[Plan]]) -> None:
    """The command may be run at any time."""
    done = accepted()

    answer = CliRunner().invoke(main, ["offsets", "accept", "ecm"])

    assert (answer.exit_code, done) == (0, [])


@pytest.mark.parametrize("text", ["yesterday", "commited"])
def test_a_start_that_is_none_is_a_misuse(text: str) -> None:
    """Neither a word that we know, nor a time, nor an age."""
    assert CliRunner().invoke(main, ["offsets", "accept", "ecm", "--from", text]).exit_code == 2
