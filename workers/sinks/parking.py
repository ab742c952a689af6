"""Parking: past the patience a key leaves memory, its deliveries go to the retry topic and come back in order.

Retry records wait in place and are never written again: only what came from an event topic is parked. A key
that has retry records which were not read back stays parked, so that what follows goes behind them. The parked keys
of a partition are bounded: beyond that deferred deliveries wait in memory, and the reader pauses the event topics.
"""

from datetime import datetime

from workers.sinks.delivery import Copy, Delivery, Doubt
from workers.sinks.dispatcher import Dispatcher
from workers.sinks.headers import DEFERRED, UNSURE
from workers.sinks.ledger import Ledger
from workers.sinks.memory import Memory
from workers.sinks.naming import withdraw
from workers.sinks.routes import Routes
from workers.sinks.window import Partition, Window


class Parker:
    """Parks lanes of one runner."""

    def __init__(self, dispatcher: Dispatcher, ledger: Ledger, routes: Routes, memory: Memory) -> None:
        self._dispatcher, self._ledger, self._routes, self._memory = dispatcher, ledger, routes, memory

    def park(self, head: Delivery, not_before: datetime | None = None) -> None:
        """Park a lane whose head is neither out nor waiting: all of it that came from event topics, in order."""
        partition = head.window.partition
        lane = [head, *partition.lanes.pull(head.lane)]
        going = [delivery for delivery in lane if _goes(delivery)]
        staying = [delivery for delivery in lane if not _goes(delivery)]
        for delivery in staying:
            if partition.lanes.add(delivery.lane, delivery) and delivery is head:
                partition.lanes.wait(head, 0.0)
            elif delivery is staying[0]:
                self._dispatcher.freed(delivery)
        withdraw([delivery for delivery in going if delivery.doubt is Doubt.NONE])
        if going:
            self._ledger.park(going, UNSURE if going[0].doubt is not Doubt.NONE else DEFERRED, not_before)

    def relieve(self, windows: list[Window]) -> None:
        """Make room in full windows: park what waits for a time, and what an action's hold or the store keeps back."""
        for partition in {id(window.partition): window.partition for window in windows}.values():
            self._relieve(partition)

    def _relieve(self, partition: Partition) -> None:
        left = partition.parking_room

        def is_meant(delivery: Delivery) -> bool:
            nonlocal left
            is_one = left > 0 and delivery.window.partition is partition and delivery.retried is None
            left -= is_one
            return is_one

        held = self._dispatcher.take_out(lambda one: self._routes.is_action_held(one.action) and is_meant(one))
        for head in (*held, *self._memory.take_out(is_meant), *partition.lanes.take_waiting(is_meant)):
            self.park(head)


def _goes(delivery: Delivery) -> bool:
    """Whether it is parked with its key: not what came by the retry topic, nor a copy, for which nothing is sent."""
    return delivery.retried is None and delivery.copy is not Copy.YES
