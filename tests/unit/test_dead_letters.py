"""Dead letters on a log in memory: what is open, stale, discarded, and no longer needed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from common.codec import Decoder, Encoder, LocalSchemas
from common.event import Headers, OutRecord, Position
from tests.support.sink_rig import rig_flows, workspace_event
from workers.dead_letters import DeadLetters
from workers.sinks.headers import RESOLVES, Origin

DEAD, RETRY, WORKSPACE = "comms.dlq.braze.v1", "comms.retry.braze.main.v1", "comms.workspace.v1"
SEND = "- {name: send-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}"
PUT = "- {name: put-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.put, consent: none}"
BODY = Encoder(LocalSchemas()).encode(WORKSPACE, workspace_event(1))


@dataclass
class Row:
    """A record as the log holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int = 0

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.topic, self.partition, self.offset)


@dataclass
class MemoryLog:
    """A broker's log; also a producer whose transactions are appended to it."""

    rows: list[Row] = field(default_factory=list)
    transactions: list[list[OutRecord]] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)

    def add(
        self, topic: str, key: bytes | None, value: bytes | None = BODY, headers: Headers = (), partition: int = 0
    ) -> Row:
        """One more record at its partition's end."""
        offset = sum((row.topic, row.partition) == (topic, partition) for row in self.rows)
        self.rows.append(Row(topic, partition, offset, key, value, headers))
        return self.rows[-1]

    def records(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Row]:
        """As LogReader reads."""
        self.reads[topic] += 1
        rows = [row for row in self.rows if row.topic == topic]
        return (row for row in rows if starts is None or row.offset >= starts.get(row.partition, row.offset + 1))

    def partition_count(self, topic: str) -> int:
        """As the embedded broker's, whatever is written."""
        assert topic
        return 4

    def start(self) -> None:
        """As one that fences its predecessor."""

    def commit(self, records: Sequence[OutRecord]) -> None:
        """One transaction."""
        self.transactions.append(list(records))
        for record in records:
            self.add(record.topic, record.key, record.value, record.headers, record.partition or 0)

    def letter(self, event: Row, flow: str = "put-created", partition: int = 0) -> str:
        """A letter about an event; its address."""
        origin = Origin(f"d{event.offset}", flow, event.position, 0)
        headers = (*origin.written("dlq."), ("dlq.group", b"main"), ("dlq.reason", b"refused"))
        row = self.add(DEAD, event.key, event.value, headers, partition)
        return f"{row.partition}:{row.offset}"


@pytest.fixture
def log() -> MemoryLog:
    """An empty one."""
    return MemoryLog()


@pytest.fixture
def mailbox(log: MemoryLog, tmp_path: Path) -> DeadLetters:
    """The letters of a sink with a once-flow and a repeatable one."""
    flows = rig_flows(tmp_path, SEND, PUT)
    return DeadLetters(log, DEAD, "", Decoder(LocalSchemas()), {"main": RETRY}, flows)


def obstacles(mailbox: DeadLetters, even_if_stale: bool = False) -> dict[str, bool]:
    """Address -> whether a redrive would leave it as stale."""
    steps = mailbox.plan(mailbox.open(), even_if_stale)
    return {step.letter.address: "later events" in step.obstacle for step in steps}


def test_a_letter_with_a_later_event_of_its_key_is_stale(log: MemoryLog, mailbox: DeadLetters) -> None:
    """Old state must not overwrite new; the newest letter, and other keys, go on."""
    old, other, new = (log.add(WORKSPACE, key) for key in (b"c1", b"c2", b"c1"))
    addresses = [log.letter(event) for event in (old, other, new)]

    assert obstacles(mailbox) == dict(zip(addresses, [True, False, False], strict=True))


def test_another_partition_is_another_key(log: MemoryLog, mailbox: DeadLetters) -> None:
    """The same bytes elsewhere are nobody's later event, and neither is an earlier one."""
    log.add(WORKSPACE, b"c1")
    address = log.letter(log.add(WORKSPACE, b"c1"))
    log.add(WORKSPACE, b"c1", partition=1)

    assert obstacles(mailbox) == {address: False}


def test_an_operator_may_send_stale_letters(log: MemoryLog, mailbox: DeadLetters) -> None:
    """Said so, nothing is looked for: the events are not read at all."""
    address = log.letter(log.add(WORKSPACE, b"c1"))
    log.add(WORKSPACE, b"c1")

    assert obstacles(mailbox, even_if_stale=True) == {address: False}
    assert log.reads[WORKSPACE] == 0


def test_a_once_action_overwrites_nothing(log: MemoryLog, mailbox: DeadLetters) -> None:
    """It makes something new each time: not asked for stale state."""
    address = log.letter(log.add(WORKSPACE, b"c1"), flow="send-created")
    log.add(WORKSPACE, b"c1")

    assert obstacles(mailbox) == {address: False}
    assert log.reads[WORKSPACE] == 0


def test_a_stale_letter_is_not_sent(log: MemoryLog, mailbox: DeadLetters) -> None:
    """It stays open."""
    log.letter(log.add(WORKSPACE, b"c1"))
    log.add(WORKSPACE, b"c1")

    assert mailbox.redrive(mailbox.plan(mailbox.open()), log, 0, lambda _: None) == 0
    assert len(mailbox.open()) == 1


def test_what_another_operator_sent_meanwhile_is_left_alone(log: MemoryLog, mailbox: DeadLetters) -> None:
    """Both have the same plan, and the second one begins when the first has ended."""
    log.letter(log.add(WORKSPACE, b"c1"))
    log.letter(log.add(WORKSPACE, b"c2"))
    steps = mailbox.plan(mailbox.open())

    assert mailbox.redrive(steps[:1], log, 0, lambda _: None) == 1
    assert mailbox.redrive(steps, log, 0, lambda _: None) == 1
    assert mailbox.open() == []


def test_a_discarded_letter_is_closed_and_not_sent(log: MemoryLog, mailbox: DeadLetters) -> None:
    """One transaction a letter, with nothing in it but the marker on the letter's own partition."""
    address = log.letter(log.add(WORKSPACE, b"c1"), partition=3)
    kept = log.letter(log.add(WORKSPACE, b"c2"), partition=3)
    done: list[str] = []

    closed = mailbox.discard(mailbox.open()[:1], log, lambda letter: done.append(letter.address))

    marker = OutRecord(DEAD, b"c1", None, ((RESOLVES, address.encode()),), 3)
    assert (closed, done, log.transactions) == (1, [address], [[marker]])
    assert [letter.address for letter in mailbox.open()] == [kept]


def test_what_is_below_the_oldest_open_letter_is_dispensable(log: MemoryLog, mailbox: DeadLetters) -> None:
    """By partition; where nothing is open, all that was read."""
    for partition in (0, 1, 2):
        for key in (b"c1", b"c2"):
            log.letter(log.add(WORKSPACE, key), partition=partition)
    wanted = {"0:0", "1:0", "1:1"}
    mailbox.discard([letter for letter in mailbox.open() if letter.address in wanted], log, lambda _: None)

    assert mailbox.dispensable() == {0: 1, 1: 4}


def test_an_open_first_letter_keeps_all_behind_it(log: MemoryLog, mailbox: DeadLetters) -> None:
    """Markers of later letters are needed as long as their letters stand."""
    for key in (b"c1", b"c2"):
        log.letter(log.add(WORKSPACE, key))
    mailbox.discard(mailbox.open()[1:], log, lambda _: None)

    assert mailbox.dispensable() == {}
    assert [letter.address for letter in mailbox.open()] == ["0:0"]
