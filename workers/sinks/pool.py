"""The delivery threads: a bounded pool that sends batches and puts what came of them into the inbox."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from common.errors import GateClosedError
from workers.sinks.api import Action, Batch, Delivered, Hold, Outcome, Sink, Unsure
from workers.sinks.batcher import Draft
from workers.sinks.delivery import Delivery
from workers.sinks.gate import BatchPermit


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch's end: the vendor's outcome, or None when the gate was closed and nothing was sent."""

    draft: Draft[Delivery]
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Probed:
    """What a vendor's harmless read said of a held route; None is well."""

    action: Action
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the vendor's look-up said of an unsure delivery."""

    delivery: Delivery
    found: Delivered | Unsure | None


@dataclass(frozen=True, slots=True)
class Crashed:
    """An exception that nobody decided about: the worker ends."""

    error: BaseException
    was_batch: bool = False


Inbox = SimpleQueue[object]


class DeliveryPool:
    """Runs one sink's requests, at most `size` at once."""

    def __init__(self, sink: Sink, size: int, inbox: Inbox) -> None:
        self._sink, self._inbox = sink, inbox
        self._size = size
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=f"deliver-{sink.name}")
        self.in_flight = 0
        """Batches whose end the runner has not seen; counted by the runner's thread only."""

    @property
    def has_room(self) -> bool:
        """Whether another batch would be sent at once."""
        return self.in_flight < self._size

    def send(self, draft: Draft[Delivery]) -> None:
        """Send a draft under the gates of its partitions."""
        self.in_flight += 1
        self._threads.submit(self._deliver, draft, _batch(draft))

    def probe(self, action: Action) -> None:
        """Ask the vendor whether a held route is well."""
        self._threads.submit(self._probe, action)

    def look_up(self, delivery: Delivery) -> None:
        """Ask the vendor what became of an unsure delivery."""
        self._threads.submit(self._look_up, delivery)

    def close(self) -> None:
        """End the threads; what runs is waited for."""
        self._threads.shutdown(wait=True)
        self._sink.close()

    def _deliver(self, draft: Draft[Delivery], batch: Batch) -> None:
        try:
            self._inbox.put(Sent(draft, self._sink.deliver(batch)))
        except GateClosedError:
            self._inbox.put(Sent(draft, None))
        except BaseException as error:  # the runner decides: it settles what it can and ends
            self._inbox.put(Crashed(error, was_batch=True))

    def _look_up(self, delivery: Delivery) -> None:
        try:
            found = self._sink.look_up(delivery.action, [delivery.item])
            self._inbox.put(LookedUp(delivery, found[0]))
        except BaseException as error:
            self._inbox.put(Crashed(error))

    def _probe(self, action: Action) -> None:
        try:
            self._inbox.put(Probed(action, self._sink.probe(action)))
        except BaseException as error:
            self._inbox.put(Crashed(error))


def _batch(draft: Draft[Delivery]) -> Batch:
    gates = {delivery.window.partition.number: delivery.window.partition.gate for delivery in draft.deliveries}
    return Batch(draft.action, draft.shared_by, [d.item for d in draft.deliveries], BatchPermit(list(gates.values())))
