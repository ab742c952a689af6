"""The cursor's record, the slice of the budget, letters, and the seat: each by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

import pytest

from common.errors import ConfigurationError, FatalError
from common.event import OutRecord, PartitionId
from common.kafka.transactions import AbortedError
from common.reasons import Cause, Reason
from tests.support.clock import ManualClock
from tests.support.poll import eventually
from workers.ingest.pollers.api import Item, PausedError
from workers.ingest.pollers.cursor import TOPIC, Cursor, records, saved
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.letters import PollLetters
from workers.ingest.pollers.seat import Seat
from workers.ingest.pollers.session import Stop
from workers.ingest.pollers.slice import Slice

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


# -- the cursor -----------------------------------------------------------------------------------


def test_a_cursor_comes_back_as_it_was() -> None:
    """With its slots; on partition 0, under its name."""
    cursor = Cursor("marketo.changes", {"token": "A=="}, NOW, "2026-03-04", 7)

    made = records("acme.", cursor, {"seen-0": {"turn": 0, "ids": ["a"]}})

    assert {(record.topic, record.partition) for record in made} == {(f"acme.{TOPIC}", 0)}
    assert [record.key for record in made] == [b"marketo.changes#seen-0", b"marketo.changes"]
    kept = saved(made)["marketo.changes"]
    assert kept.cursor == cursor
    assert kept.slots == {"seen-0": {"turn": 0, "ids": ["a"]}}


def test_the_latest_record_of_a_key_counts() -> None:
    """As compaction would leave it; a null value is nothing."""
    first = records("", Cursor("f", 1, NOW), {"seen-0": {"turn": 0, "ids": []}})
    second = records("", Cursor("f", 2, NOW), {})
    gone = OutRecord(TOPIC, b"f#seen-0", None, (), 0)

    kept = saved([*first, *second, gone])["f"]

    assert kept.cursor is not None
    assert (kept.cursor.position, kept.slots) == (2, {})


@pytest.mark.parametrize(
    "value", [b"", b"no json", b"[]", b"{}", b'{"position": 1, "as_of": "2026-01-01T00:00:00"}'],
    ids=["empty", "text", "list", "without", "without_zone"],
)  # fmt: skip
def test_a_foreign_record_is_refused(value: bytes) -> None:
    """Going on from a cursor that cannot be read could skip."""
    with pytest.raises(ConfigurationError, match="cursors set"):
        saved([OutRecord(TOPIC, b"f", value, (), 0)])


# -- the slice ------------------------------------------------------------------------------------


def slice_of(clock: ManualClock, wait: Callable[[float], bool], per_window: int = 2, per_day: int = 5) -> Slice:
    return Slice(per_window, 20.0, per_day, "UTC", clock, wait)


def test_the_window_is_waited_for() -> None:
    """Never more than so many in any 20 seconds."""
    clock, waited = ManualClock(), list[float]()

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        clock.advance(seconds)
        return False

    budget = slice_of(clock, wait)
    budget.spend()
    clock.advance(5)
    budget.spend()
    budget.spend()

    assert waited == [15.0]


def test_a_stop_ends_the_wait() -> None:
    """Nothing more is asked."""
    budget = slice_of(ManualClock(), lambda _: True)
    budget.spend()
    budget.spend()

    with pytest.raises(PausedError, match="told to stop"):
        budget.spend()
    assert budget.used == 2


def test_a_day_has_so_many_requests() -> None:
    """Then a pause for the quota; the next day has all of them again."""
    clock = ManualClock()
    budget = slice_of(clock, lambda _: False, per_window=100)
    for _ in range(5):
        budget.spend()

    with pytest.raises(PausedError) as paused:
        budget.spend()
    assert (paused.value.cause, paused.value.wait_s, budget.left) == (Cause.QUOTA, 1800, 0)

    clock.advance(86_400)
    budget.spend()
    assert budget.left == 4


def test_only_todays_count_is_taken_over() -> None:
    """Yesterday's is over."""
    budget = slice_of(ManualClock(), lambda _: False)
    budget.resume("2026-02-28", 5)
    assert budget.used == 0

    budget.resume(budget.day, 3)
    assert budget.used == 3


# -- letters --------------------------------------------------------------------------------------


def test_a_letter_has_the_signal_and_why() -> None:
    """Its bytes, and what an operator filters by."""
    letter = PollLetters("acme.", "marketo", "w-1").wrap(
        "marketo.changes", Item("guid:7", {"a": 1}), Reason.INVALID_FIELD, "leadId: is missing", NOW
    )

    facts = dict(letter.headers)
    assert (letter.topic, letter.value) == ("acme.comms.dlq.ingest.v1", b'{"a":1}')
    assert (facts["dlq.way"], facts["dlq.source"], facts["dlq.place"]) == (b"poller", b"marketo", b"marketo.changes")
    assert facts["dlq.reason"] == b"invalid_field"
    assert "dlq.cut" not in facts


def test_a_letter_larger_than_its_topic_is_cut() -> None:
    """It would otherwise stand in the way for ever."""
    letter = PollLetters("", "marketo", "w-1").wrap("f", Item("1", "x" * 3_000_000), Reason.OVERSIZED, "", NOW)

    assert len(letter.value or b"") < 1_114_112
    assert dict(letter.headers)["dlq.cut"] == b"true"


# -- the seat -------------------------------------------------------------------------------------


@dataclass
class Group:
    """A group of one, whose decisions a test makes."""

    listener: Seat | None = None
    closed: bool = False

    def subscribe(self, topics: object, listener: object) -> None:
        """Remember whom to tell."""
        assert isinstance(listener, Seat)
        self.listener = listener

    def read(self, at_most: int, timeout_s: float) -> list[object]:
        """Nothing."""
        return []

    def assign(self, starts: object) -> None:
        """Nothing."""

    def unassign(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Remember it."""
        self.closed = True


SEAT, OTHER = PartitionId("t", 0), PartitionId("t", 1)


class Sessions:
    """Sessions that run until told to stop, or fail as a test says."""

    def __init__(self, *failures: BaseException) -> None:
        self._failures = list(failures)
        self.begun = self.ended = 0

    def __call__(self, stop: Stop) -> None:
        """One session."""
        self.begun += 1
        if self._failures:
            raise self._failures.pop(0)
        stop(30)
        self.ended += 1


def seated(sessions: Sessions) -> Seat:
    return Seat(Group(), "t", sessions, ManualClock(), Unheard())  # type: ignore[arg-type]


def test_only_who_owns_partition_0_polls() -> None:
    """Another partition is no seat."""
    sessions = Sessions()
    seat = seated(sessions)
    seat.assigned([OTHER])
    seat._tend()
    assert sessions.begun == 0

    seat.assigned([SEAT])
    seat._tend()
    eventually(lambda: sessions.begun == 1)
    assert seat.is_active

    seat.revoked([SEAT])
    assert (seat.is_active, sessions.ended) == (False, 1)


def test_a_session_that_was_aborted_begins_anew_a_little_later() -> None:
    """Its memory is as old as the last commit: the log is read again."""
    sessions = Sessions(AbortedError("aborted"))
    seat, clock = seated(sessions), ManualClock()
    seat._clock = clock
    seat.assigned([SEAT])
    seat._tend()
    eventually(lambda: sessions.begun == 1)
    eventually(lambda: seat._run is None or seat._run.is_over)
    seat._tend()
    assert sessions.begun == 1

    clock.advance(60)
    seat._tend()

    eventually(lambda: sessions.begun == 2)
    seat.lost([SEAT])


def test_a_fenced_session_ends_the_process() -> None:
    """Somebody else is active: a restart makes this one a standby."""
    sessions = Sessions(FatalError("fenced"))
    seat = seated(sessions)
    seat.assigned([SEAT])
    seat._tend()
    eventually(lambda: seat._run is None or seat._run.is_over)

    with pytest.raises(FatalError, match="fenced"):
        seat._tend()


def test_a_stop_ends_the_session_and_leaves_the_group() -> None:
    """In this order: the successor need not fence anybody."""
    sessions, group = Sessions(), Group()
    seat = Seat(group, "t", sessions, ManualClock(), Unheard())  # type: ignore[arg-type]
    seat.assigned([SEAT])
    seat._tend()
    eventually(lambda: sessions.begun == 1)
    stop = Event()
    stop.set()

    seat.serve(stop)

    assert (sessions.ended, group.closed) == (1, True)
