"""Copies: deliveries of events that upstream wrote before, at another position. Once-actions are not made for them.

An event is asked about when it is read, so that the order of the log decides. While a partition's window is being
rebuilt (recent.py), the once-deliveries that might be copies wait as heads of their lanes, and are asked about again.
A delivery that came by the retry topic is asked about with the position of its origin: it is no copy of itself, but
a copy that was parked before anybody could tell still is one. A redriven letter is never asked about.

Used by one thread, the runner's. An event without a once-flow costs the look at its topic and at its flows.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from workers.sinks.delivery import Copy, Delivery, RecordLike
from workers.sinks.duplicates import Duplicates
from workers.sinks.recent import Recent
from workers.sinks.window import Window


class Copies:
    """What one runner knows of upstream's duplicates."""

    def __init__(
        self,
        duplicates: Duplicates,
        recent: Recent,
        id_of: Callable[[RecordLike], str | None],
        topics: Collection[str],
        retry_topic: str,
    ) -> None:
        """`topics` are the event topics with a once-flow, as the broker names them, `retry_topic` as well."""
        self._duplicates, self._recent, self._id_of = duplicates, recent, id_of
        self._events = frozenset(topics)
        self._asked = self._events | {retry_topic} if topics else frozenset[str]()
        self._waiting: defaultdict[int, list[Delivery]] = defaultdict(list)
        self._numbers: set[int] = set()

    @property
    def trouble(self) -> str:
        """Why copies cannot be told in some partition; empty while all is well."""
        return self._recent.trouble

    @property
    def is_rebuilding(self) -> bool:
        """Whether once-deliveries of some partition have to wait."""
        return self._recent.is_rebuilding

    def __len__(self) -> int:
        """Ids that are remembered."""
        return len(self._duplicates)

    def start(self) -> None:
        """Be ready to rebuild."""
        self._recent.start()

    def close(self) -> None:
        """Stop rebuilding."""
        self._recent.close()

    # -- partitions ---------------------------------------------------------------------------

    def forget(self, kept: Collection[int]) -> None:
        """Only these partition numbers are still ours."""
        gone = self._numbers.difference(kept)
        self._recent.lost(gone)
        for number in gone:
            self._duplicates.drop(number)
            self._waiting.pop(number, None)
        self._numbers -= gone

    def gained(self, windows: Collection[Window]) -> None:
        """These are new to us: what stands before them is read first."""
        self._numbers.update(window.id.partition for window in windows)
        self._recent.gained({window.id: window.progress.position for window in windows})

    # -- records ------------------------------------------------------------------------------

    def passed(self, record: RecordLike) -> None:
        """A record was read that is done already: it may be what a later one is a copy of.

        Raises RegistryDownError where only its value tells its id.
        """
        if record.topic in self._events and (event_id := self._id_of(record)) is not None:
            self._duplicates.seen(event_id, record.position, record.timestamp_ms)

    def read(self, record: RecordLike, deliveries: Sequence[Delivery]) -> None:
        """An event was read: its once-deliveries learn whether they are copies."""
        if record.topic not in self._asked:
            return
        once = [delivery for delivery in deliveries if delivery.is_once]
        if once and not (once[0].retried and once[0].retried.letter):
            copy = self._ask(once[0])
            for delivery in once:
                delivery.copy = copy

    def judge(self, delivery: Delivery) -> Copy:
        """Whether a head of its lane is a copy; one that nobody can tell yet is kept until `released`."""
        if delivery.copy is Copy.UNKNOWN:
            delivery.copy = self._ask(delivery)
            if delivery.copy is Copy.UNKNOWN:
                self._waiting[delivery.window.id.partition].append(delivery)
        return delivery.copy

    def released(self) -> list[Delivery]:
        """Take what was found meanwhile; the deliveries that waited for it. Raises what ended the rebuilding."""
        rebuilt = self._recent.collect(self._duplicates)
        return [delivery for number in rebuilt for delivery in self._waiting.pop(number, ())]

    def _ask(self, delivery: Delivery) -> Copy:
        origin = delivery.retried or delivery.record
        event_id = str(delivery.event.value["event_id"])
        if self._duplicates.seen(event_id, origin.position, origin.timestamp_ms) is not None:
            return Copy.YES
        return Copy.NO if self._recent.is_rebuilt(delivery.window.id.partition) else Copy.UNKNOWN
