"""Which deliveries of one partition are settled, which are about to be sent, and where a restart would begin."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """One delivery of a partition: its record's offset, and 16 bits of its flow's name."""

    offset: int
    flow: int


Settled = Mapping[int, Collection[int]]
"""What a transaction settles: offset -> the flows (by hash) of that record; a record without flows has `NOBODY`."""

NOBODY = -1
"""Stands for the flow of a record that no flow could use."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a former owner left: wholly done offsets, settled deliveries of other records, and what it had named."""

    done: frozenset[int] = frozenset()
    settled: frozenset[Mark] = frozenset()
    intents: frozenset[Mark] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.done or self.settled or self.intents)

    def above(self, position: int) -> "Inherited":
        """What of it concerns offsets that are not read yet."""
        return Inherited(
            frozenset(offset for offset in self.done if offset >= position),
            frozenset(mark for mark in self.settled if mark.offset >= position),
            frozenset(mark for mark in self.intents if mark.offset >= position),
        )


NOTHING = Inherited()


class Progress:
    """Offsets seen in log order, settled in any order; the watermark never passes an open one.

    Only seen offsets are tracked: transactions and compaction leave gaps. An open offset counts the
    deliveries of its record that are not settled yet. Beside them stand two short lists: the deliveries of
    open records that are settled already, and the intents: deliveries of once-actions that are named
    because they are about to be sent, or may have been. What a former owner left is carried on until it
    is read.
    """

    __slots__ = ("_last_inherited", "_open", "inherited", "intents", "partly", "position")

    def __init__(self, start: int, inherited: Inherited = NOTHING) -> None:
        self.inherited = inherited
        marked = (mark.offset for mark in (*inherited.settled, *inherited.intents))
        self._last_inherited = max((*inherited.done, *marked), default=-1)
        self._open: OrderedDict[int, int] = OrderedDict()
        self.partly: dict[int, set[int]] = {}
        """Open offsets of which some deliveries are settled: those flows' hashes."""
        self.intents: set[Mark] = set()
        self.position = start
        """The next offset to be read."""

    def track(self, offset: int, deliveries: int, settled: Collection[int] = ()) -> None:
        """Note a record that was read, with how many deliveries it waits for; `settled` ones are not among them."""
        if offset < self.position:
            raise ValueError(f"offset {offset} was already tracked: position is {self.position}")
        self.position = offset + 1
        if offset >= self._last_inherited:
            self.inherited = NOTHING
        if deliveries:
            self._open[offset] = deliveries
            if settled:
                self.partly[offset] = set(settled)

    def named(self, offset: int) -> Collection[int]:
        """The hashes of the flows for which a former owner was about to send a record that is not read yet."""
        intents = self.inherited.intents
        return [mark.flow for mark in intents if mark.offset == offset] if intents else ()

    def recount(self, offset: int, deliveries: int) -> None:
        """A record that was tracked as one is known better: with how many deliveries it waits."""
        if deliveries:
            self._open[offset] = deliveries
        else:
            del self._open[offset]
            self.partly.pop(offset, None)

    def intend(self, mark: Mark) -> None:
        """Name a delivery: the next commit says that it may be on its way."""
        self.intents.add(mark)

    def withdraw(self, mark: Mark) -> None:
        """It was certainly not sent."""
        self.intents.discard(mark)

    def resolve(self, offset: int, flow: int) -> None:
        """One delivery of the record at `offset` is settled. KeyError when none was open."""
        left = self._open[offset] - 1
        if self.intents:
            self.intents.discard(Mark(offset, flow))
        if left:
            self._open[offset] = left
            self.partly.setdefault(offset, set()).add(flow)
        else:
            del self._open[offset]
            if self.partly:
                self.partly.pop(offset, None)

    @property
    def watermark(self) -> int:
        """Everything below is done: the offset to commit."""
        return next(iter(self._open), self.position)

    @property
    def span(self) -> int:
        """Offsets between the watermark and the position."""
        return self.position - self.watermark

    @property
    def open_records(self) -> int:
        """How many records are not wholly settled."""
        return len(self._open)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was read is done."""
        return not self._open

    def open_with(self, settled: Settled) -> Iterator[int]:
        """The offsets that stay open once `settled` is durable, in order."""
        if not settled:
            return iter(self._open)
        return (offset for offset, left in self._open.items() if left > len(settled.get(offset, ())))
