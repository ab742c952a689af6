"""Dead letters of the journeys on a log in memory: listed, shown, sent to the store again, discarded."""

from datetime import UTC, datetime
from typing import Any

import pytest

from common.codec import Decoder, Encoder, LocalSchemas
from common.event import Headers
from common.reasons import Reason
from tests.support.store import Events
from tests.unit.test_dead_letters import MemoryLog, Row
from workers.journey_letters import JourneyLetters
from workers.journeys.incoming import Lift
from workers.journeys.reading import DEAD, PREFERENCE, RETRY, Read, Reading
from workers.sinks.headers import Origin
from workers.sinks.letters import Letters

GROUP, PREFIX = "commfleet.journeys", "eu."
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LETTERS = Letters(PREFIX + DEAD, "journeys", "main", "w-1")
READING = Reading(Decoder(LocalSchemas()), LETTERS, GROUP, PREFIX)


@pytest.fixture
def log() -> MemoryLog:
    """An empty one."""
    return MemoryLog()


@pytest.fixture
def mailbox(log: MemoryLog) -> JourneyLetters:
    """The letters as operators see them."""
    return JourneyLetters(log, PREFIX + DEAD, PREFIX, Decoder(LocalSchemas()), PREFIX + RETRY)


def wish() -> bytes:
    """A preference that can be read."""
    value = Events().wish("OPTED_IN").value
    assert value is not None
    return Encoder(LocalSchemas()).encode(PREFERENCE, value)


def kept(log: MemoryLog, value: bytes, topic: str = PREFERENCE, key: bytes | None = b"C-1") -> str:
    """A letter about a record of partition 3; its delivery's name."""
    read = Row(PREFIX + topic, 3, 7, key, value, (("traceparent", b"t"),), 1000)
    origin = Origin.of_record(GROUP, "-", read.position, read.timestamp_ms)
    letter = LETTERS.wrap(
        read, origin, action="", stage="decode", reason=Reason.UNKNOWN_SCHEMA, detail="5", vendor_code="", at=NOW
    )
    log.add(letter.topic, letter.key, letter.value, letter.headers, 3)
    return origin.delivery


def read_again(row: Row) -> Read:
    """What the worker makes of a record of its retry topic."""
    return READING.read(row, NOW)


def on_retry(log: MemoryLog) -> Row:
    """The one record there."""
    (row,) = log.records(PREFIX + RETRY)
    return row


def test_a_letter_is_shown_with_its_event(log: MemoryLog, mailbox: JourneyLetters) -> None:
    """Personal data masked; why it is here stands beside it."""
    kept(log, wish())

    shown = mailbox.show("3:0")

    assert (shown["sink"], shown["reason"], shown["event"]["state"]) == ("journeys", "unknown_schema", "OPTED_IN")


def test_a_redriven_letter_goes_to_its_partitions_owner(log: MemoryLog, mailbox: JourneyLetters) -> None:
    """Under the same partition number; it lifts what stood in for it, and the letter is closed with it."""
    delivery = kept(log, wish())

    assert mailbox.redrive(mailbox.plan(mailbox.open()), log, 0, lambda _: None) == 1

    row = on_retry(log)
    read = read_again(row)
    assert (row.partition, dict(row.headers)["traceparent"]) == (3, b"t")
    assert read.record.value is not None
    assert (read.record.topic, read.record.value["state"]) == (PREFERENCE, "OPTED_IN")
    assert read.record.lifts == Lift("C-1", delivery)
    assert (read.letter, mailbox.open()) == (None, [])


def test_what_still_cannot_be_read_is_left(log: MemoryLog, mailbox: JourneyLetters) -> None:
    """With the words of today."""
    kept(log, b"no Avro")

    (step,) = mailbox.plan(mailbox.open())

    assert step.obstacle.startswith("still cannot be read")
    assert mailbox.redrive([step], log, 0, lambda _: None) == 0
    assert list(log.records(PREFIX + RETRY)) == []


def test_a_discarded_preference_frees_its_customer(log: MemoryLog, mailbox: JourneyLetters) -> None:
    """The partition's owner is told in the transaction that closes the letter."""
    delivery = kept(log, b"no Avro")

    assert mailbox.discard(mailbox.open(), log, lambda _: None) == 1

    read = read_again(on_retry(log))
    assert (read.record.value, read.record.lifts, read.letter) == (None, Lift("C-1", delivery), None)
    assert len(log.transactions) == 1
    assert mailbox.open() == []


def test_another_discarded_event_had_suppressed_nobody(log: MemoryLog, mailbox: JourneyLetters) -> None:
    """Nothing is written but the marker."""
    kept(log, b"no Avro", "comms.workspace.v1")

    mailbox.discard(mailbox.open(), log, lambda _: None)

    assert [record.topic for record in log.transactions[0]] == [PREFIX + DEAD]


def test_a_letter_that_was_sent_too_early_suppresses_since_the_same_time() -> None:
    """Under the same name, so that dealing with the second letter lifts the objection."""
    first = Row(PREFIX + PREFERENCE, 3, 7, b"C-1", b"no Avro", (), 1000)
    again = Row(PREFIX + RETRY, 3, 0, b"C-1", b"no Avro", tuple(_origin(first).written("retry.")), 9000)

    once, twice = READING.read(first, NOW), READING.read(again, NOW)

    assert once.record.suppresses == twice.record.suppresses
    assert once.record.suppresses is not None
    assert once.record.suppresses.at == 1_000_000
    assert twice.letter is not None
    assert dict(twice.letter.headers)["dlq.delivery"] == _origin(first).delivery.encode()


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("retry.delivery", b"d"), ("retry.flow", b"-"), ("retry.origin", b"eu.comms.preference.v1/x/7/1")),
        (("retry.delivery", b"d"), ("retry.flow", b"-"), ("retry.origin", b"eu.comms.other.v1/3/7/1")),
    ],
    ids=["none", "no number", "a topic of nobody"],
)
def test_damaged_headers_are_a_dead_letter(headers: Headers) -> None:
    """Whoever writes to the retry topic by hand stops nobody."""
    read = READING.read(Row(PREFIX + RETRY, 3, 0, b"C-1", wish(), headers), NOW)

    assert read.record.value is None
    assert _facts(read)["dlq.reason"] == b"malformed"
    assert b"retry." in _facts(read)["dlq.detail"] or b"invalid literal" in _facts(read)["dlq.detail"]


def _facts(read: Read) -> dict[str, Any]:
    assert read.letter is not None
    return dict(read.letter.headers)


def _origin(record: Row) -> Origin:
    return Origin.of_record(GROUP, "-", record.position, record.timestamp_ms)
