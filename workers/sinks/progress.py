"""Which offsets of one partition are wholly done, and where a restart would begin."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping


class Progress:
    """Offsets seen in log order, resolved in any order; the watermark never passes an open one.

    Only seen offsets are tracked: transactions and compaction leave gaps. An open offset counts the
    deliveries of its record that are not settled yet.
    """

    __slots__ = ("_open", "position")

    def __init__(self, start: int) -> None:
        self._open: OrderedDict[int, int] = OrderedDict()
        self.position = start
        """The next offset to be read."""

    def track(self, offset: int, deliveries: int) -> None:
        """Note a record that was read, with how many deliveries it has to wait for."""
        if offset < self.position:
            raise ValueError(f"offset {offset} was already tracked: position is {self.position}")
        self.position = offset + 1
        if deliveries:
            self._open[offset] = deliveries

    def resolve(self, offset: int) -> None:
        """One delivery of the record at `offset` is settled. KeyError when none was open."""
        left = self._open[offset] - 1
        if left:
            self._open[offset] = left
        else:
            del self._open[offset]

    @property
    def watermark(self) -> int:
        """Everything below is done: the offset to commit."""
        return next(iter(self._open), self.position)

    @property
    def span(self) -> int:
        """Offsets between the watermark and the position."""
        return self.position - self.watermark

    @property
    def is_idle(self) -> bool:
        """Whether everything that was read is done."""
        return not self._open

    def open_with(self, settled: Mapping[int, int]) -> Iterator[int]:
        """The offsets that stay open once `settled` (offset -> deliveries) is durable, in order."""
        return (offset for offset, left in self._open.items() if left > settled.get(offset, 0))
