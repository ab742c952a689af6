"""A dead-letter topic as a mailbox: list, show, send again, discard. A letter is addressed as partition:offset.

A letter is open until a marker (a null value with the header `dlq.resolves`) on its own partition closes it. Sending
again writes what is sent and the marker in one transaction, so that it can be stopped and started again at any point;
discarding writes the marker alone. What is below the oldest open letter of a partition serves nobody: it may be
deleted.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from common.errors import ConfigurationError
from common.event import Headers, OutRecord
from workers.sinks.delivery import RecordLike
from workers.sinks.headers import RESOLVES, Origin
from workers.sinks.tails import Log


class Writer(Protocol):
    """Writes records all or none (common/kafka/transactions.py)."""

    def start(self) -> None: ...
    def commit(self, records: Sequence[OutRecord]) -> None: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter, as it stands on the topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    origin: Origin
    facts: Mapping[str, str]
    """The `dlq.*` headers, without the prefix."""

    @property
    def address(self) -> str:
        """How operators name it."""
        return f"{self.partition}:{self.offset}"

    @property
    def flow(self) -> str:
        """The flow that failed; `-` when no flow could use the record."""
        return self.origin.flow

    @property
    def reason(self) -> str:
        """Why it is here."""
        return self.facts.get("reason", "")

    @property
    def failed_at(self) -> datetime | None:
        """When it was written off."""
        text = self.facts.get("failed_at")
        return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters: every field that is given must agree."""

    flow: str | None = None
    source: str | None = None
    reason: str | None = None
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    addresses: tuple[str, ...] = ()
    limit: int | None = None

    def admits(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        at = letter.failed_at
        return (
            (self.flow is None or letter.flow == self.flow)
            and (self.source is None or letter.facts.get("source") == self.source)
            and (self.reason is None or letter.reason == self.reason)
            and (self.key is None or letter.key == self.key.encode())
            and (self.since is None or (at is not None and at >= self.since))
            and (self.until is None or (at is not None and at < self.until))
            and (not self.addresses or letter.address in self.addresses)
        )


@dataclass(frozen=True, slots=True)
class Line:
    """Open letters that share flow and reason."""

    flow: str
    action: str
    reason: str
    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """What would be done with a letter: it is sent again, or discarded, or left because of `obstacle`."""

    letter: Letter
    obstacle: str = ""


@dataclass(slots=True)
class _Box:
    """What stands on the topic: letters, the addresses that markers close, and from where to where it was read."""

    letters: list[Letter] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    begins: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The letters on one topic, by its name on the broker; what they hold and how they are sent is for each kind."""

    reader: Log
    topic: str

    def open(self, wanted: Filter | None = None) -> list[Letter]:
        """The open letters that a filter admits, in the topic's order."""
        box = self._read()
        found = [one for one in box.letters if one.address not in box.closed and (wanted or Filter()).admits(one)]
        return found[: wanted.limit] if wanted and wanted.limit else found

    def stats(self) -> list[Line]:
        """How many open letters there are, by flow and reason, the most first."""
        groups: dict[tuple[str, str, str], list[Letter]] = {}
        for letter in self.open():
            groups.setdefault((letter.flow, letter.facts.get("action", ""), letter.reason), []).append(letter)
        lines = [Line(*labels, len(found), _oldest(found)) for labels, found in groups.items()]
        return sorted(lines, key=lambda line: -line.count)

    def show(self, address: str, reveal: bool = False) -> dict[str, Any]:
        """Everything about a letter, its event decoded; personal data is masked unless `reveal`."""
        for letter in self._read().letters:
            if letter.address == address:
                return {"address": address, **letter.facts, **self._content(letter, reveal)}
        raise ConfigurationError(f"there is no letter {address} on {self.topic}; `commfleet dlq list` shows them")

    def plan(self, letters: Iterable[Letter], even_if_stale: bool = False) -> list[Step]:
        """What a redrive would do, checked against what is there today; what cannot be sent says why.

        `even_if_stale` leaves out the last check: later events of the same key are not looked for.
        """
        steps = [Step(letter, self._obstacle(letter)) for letter in letters]
        return steps if even_if_stale else self._without_stale(steps)

    def redrive(self, steps: Sequence[Step], producer: Writer, rate: float, on_sent: Callable[[Letter], None]) -> int:
        """Send the letters without an obstacle again, at most `rate` a second; how many were sent."""
        sent = 0
        for letter in self._still_open([step.letter for step in steps if not step.obstacle], producer):
            began = time.monotonic()
            producer.commit([*self._again(letter), self._marker(letter)])
            sent += 1
            on_sent(letter)
            time.sleep(max(0.0, 1 / rate - (time.monotonic() - began)) if rate else 0.0)
        return sent

    def discard(self, letters: Iterable[Letter], producer: Writer, on_done: Callable[[Letter], None]) -> int:
        """Close letters without sending anything; how many were closed."""
        closed = 0
        for letter in self._still_open(letters, producer):
            producer.commit([*self._let_go(letter), self._marker(letter)])
            closed += 1
            on_done(letter)
        return closed

    def dispensable(self) -> dict[int, int]:
        """Partition -> the offset below which no letter is open, where there is anything below it."""
        box = self._read()
        keep = dict(box.ends)
        for letter in box.letters:
            if letter.address not in box.closed:
                keep[letter.partition] = min(letter.offset, keep[letter.partition])
        return {partition: offset for partition, offset in keep.items() if offset > box.begins[partition]}

    def _still_open(self, letters: Iterable[Letter], producer: Writer) -> list[Letter]:
        """Those that nobody has closed, or closed and deleted, since they were listed; from here on only we can."""
        producer.start()
        still = {letter.address for letter in self.open()}
        return [letter for letter in letters if letter.address in still]

    def _read(self) -> "_Box":
        box = _Box()
        for record in self.reader.records(self.topic):
            box.begins.setdefault(record.partition, record.offset)
            box.ends[record.partition] = record.offset + 1
            headers = record.headers
            resolved = dict(headers).get(RESOLVES)
            if resolved is not None:
                box.closed.add(resolved.decode())
            else:
                box.letters.append(_letter(record, headers))
        return box

    def _content(self, letter: Letter, reveal: bool) -> dict[str, Any]:
        """What a letter holds, for people; personal data is masked unless `reveal`."""
        raise NotImplementedError

    def _obstacle(self, letter: Letter) -> str:
        """Why a letter cannot be sent again; empty when it can."""
        raise NotImplementedError

    def _without_stale(self, steps: list[Step]) -> list[Step]:
        """The steps, those left whose letters would overwrite newer state; what overwrites nothing has none."""
        return steps

    def _again(self, letter: Letter) -> Sequence[OutRecord]:
        """The records that send a letter again."""
        raise NotImplementedError

    def _let_go(self, _: Letter) -> Sequence[OutRecord]:
        """What is to be told when a letter is discarded, in the transaction that closes it."""
        return ()

    def _marker(self, letter: Letter) -> OutRecord:
        return OutRecord(self.topic, letter.key, None, ((RESOLVES, letter.address.encode()),), letter.partition)


def _letter(record: RecordLike, headers: Headers) -> Letter:
    facts = {name[4:]: (value or b"").decode(errors="replace") for name, value in headers if name.startswith("dlq.")}
    return Letter(record.partition, record.offset, record.key, record.value, headers, Origin.of_letter(headers), facts)


def _oldest(letters: Iterable[Letter]) -> datetime | None:
    return min((at for letter in letters if (at := letter.failed_at)), default=None)
