"""JSON lines in, events out, errors with their line."""

import json
from collections.abc import Iterable

import pytest

from common.codec import Decoder, LocalSchemas
from common.errors import FatalError, ForbiddenTopicError, UnconfirmedError, UnknownTopicError
from schemas.catalogue import catalogue
from tests.support.ingest import FixedClock, KeptRecords, intake
from workers.lines import LINE_MAX_BYTES
from workers.produce import LineError, Stored, produce

TOPIC = "comms.workspace.v1"
GOOD = b'{"type": "CREATED", "occurred_at": "2026-03-04T11:59:00Z", "workspace_id": "W-1"}'


def run(lines: Iterable[bytes], kept: KeptRecords, topic: str = TOPIC, check: bool = False) -> list[Stored | LineError]:
    return list(produce(lines, topic, intake(kept), FixedClock(), event_topics=catalogue().topics, check=check))


def test_each_line_is_an_event() -> None:
    """Blank lines count as lines, but are no events."""
    kept = KeptRecords()

    answers = run([GOOD + b"\n", b"\n", GOOD.replace(b"W-1", b"W-2")], kept)

    assert [(answer.line, type(answer)) for answer in answers] == [(1, Stored), (3, Stored)]
    values = [Decoder(LocalSchemas()).decode(TOPIC, record.value) for record in kept.records]
    assert [(value["workspace_id"], value["source"]) for value in values] == [("W-1", "produce"), ("W-2", "produce")]


def test_a_bad_line_is_named_and_the_others_are_sent() -> None:
    """Every field that is wrong, with the line it stands in."""
    kept = KeptRecords()

    answers = run([b"{", GOOD, GOOD.replace(b"CREATED", b"MADE")], kept)

    assert len(kept.records) == 1
    assert str(answers[0]).startswith("line 1: is not valid JSON")
    assert isinstance(answers[1], Stored)
    assert str(answers[2]).startswith("line 3: type: ")


def test_a_check_sends_nothing() -> None:
    """The same errors, and an empty log."""
    kept = KeptRecords()

    answers = run([GOOD, b"[]"], kept, check=True)

    assert kept.records == []
    assert [type(answer) for answer in answers] == [Stored, LineError]
    assert isinstance(answers[0], Stored)
    assert answers[0].position is None


def test_a_line_that_is_not_confirmed_is_in_doubt() -> None:
    """It may be stored all the same, and is told apart from a bad one."""
    (answer,) = run([GOOD], KeptRecords(UnconfirmedError("not confirmed within 10 s")))

    assert answer == LineError(1, [("", "not confirmed within 10 s")], is_unconfirmed=True)


def test_an_oversized_line_is_an_error_of_that_line() -> None:
    """Its neighbours are sent."""
    kept = KeptRecords()
    big = json.dumps({**json.loads(GOOD), "workspace_name": "x" * 2**20}).encode()

    answers = run([big, GOOD], kept)

    assert "takes" in str(answers[0])
    assert len(kept.records) == 1


def test_long_input_is_answered_while_it_is_read() -> None:
    """A file of any length needs no more memory than the window."""
    kept, taken = KeptRecords(), 0

    def lines() -> Iterable[bytes]:
        nonlocal taken
        for _ in range(2000):
            taken += 1
            yield GOOD

    answers = produce(lines(), TOPIC, intake(kept), FixedClock(), event_topics=catalogue().topics)

    assert next(iter(answers)).line == 1
    assert taken <= 501


def test_it_stops_at_the_first_bad_line_where_asked() -> None:
    """No line behind it is begun; those before it end."""
    kept = KeptRecords()

    answers = list(
        produce(
            [GOOD, b"{", GOOD],
            TOPIC,
            intake(kept),
            FixedClock(),
            event_topics=catalogue().topics,
            keep_going=False,
        )
    )

    assert [type(answer) for answer in answers] == [Stored, LineError]
    assert len(kept.records) == 1


def test_it_stops_at_the_first_unconfirmed_line_where_asked() -> None:
    """Whatever was begun meanwhile is told, too; nothing new is begun."""
    kept, begun = KeptRecords(UnconfirmedError("away")), 0

    def lines() -> Iterable[bytes]:
        nonlocal begun
        for number in range(1, 5001):
            begun = number
            yield GOOD

    answers = list(
        produce(lines(), TOPIC, intake(kept), FixedClock(), event_topics=catalogue().topics, keep_going=False)
    )

    assert begun < 1000
    assert len(answers) == begun
    assert all(isinstance(answer, LineError) and answer.is_unconfirmed for answer in answers)


def test_a_line_beyond_all_measure_is_refused() -> None:
    """A file that is one array has no lines; it is not read into memory."""
    answers = run([b"[" * (LINE_MAX_BYTES + 1), GOOD], KeptRecords())

    assert "an event a line, no array" in str(answers[0])
    assert isinstance(answers[1], Stored)


def test_a_topic_that_workers_write_is_refused() -> None:
    """The command line is no way around the door."""
    with pytest.raises(ForbiddenTopicError, match="written by workers only"):
        run([GOOD], KeptRecords(), "comms.journey.v1")
    with pytest.raises(UnknownTopicError, match="there is no event topic"):
        run([GOOD], KeptRecords(), "comms.workspaces.v1")


def test_a_dead_producer_ends_the_run() -> None:
    """Nothing that follows could be sent."""
    with pytest.raises(FatalError):
        run([GOOD], KeptRecords(FatalError("fenced")))
