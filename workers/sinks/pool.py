"""The delivery threads: a bounded pool that sends batches and puts what came of them into the inbox."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import inf
from queue import SimpleQueue

from common.clock import Clock
from common.errors import BudgetGoneError, GateClosedError
from common.reasons import Cause, Reason
from workers.sinks.api import Action, Answered, Batch, Count, Delivered, Hold, Outcome, Scope, Sink, Unsure
from workers.sinks.batcher import Draft
from workers.sinks.budget import Budget
from workers.sinks.delivery import Delivery
from workers.sinks.gate import BatchPermit, Entry, Expiry


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
class Counted:
    """What the vendor says of the quota that it counts; None when it cannot tell."""

    count: Count | None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the vendor's look-up said of an unsure delivery; `was_asked` is no where the budget did not allow it."""

    delivery: Delivery
    found: Delivered | Unsure | None
    was_asked: bool = True


@dataclass(frozen=True, slots=True)
class Crashed:
    """An exception that nobody decided about: the worker ends."""

    error: BaseException
    was_batch: bool = False


Inbox = SimpleQueue[object]

_ASK_AGAIN_S = 5.0
"""How long a probe waits that the budget did not allow."""


class DeliveryPool:
    """Runs one sink's requests, at most `size` at once."""

    def __init__(self, sink: Sink, size: int, budget: Budget, inbox: Inbox, clock: Clock) -> None:
        self._sink, self._budget, self._inbox, self._clock = sink, budget, inbox, clock
        self._depth = size + max(1, size // 2)
        self._stopped: dict[str, int] = {}
        self._epoch = 0
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=f"deliver-{sink.name}")
        self.in_flight = 0
        """Batches whose end the runner has not seen; counted by the runner's thread only."""

    @property
    def has_room(self) -> bool:
        """Whether another batch would be sent at once, or as the next one of a thread."""
        return self.in_flight < self._depth

    def send(self, draft: Draft[Delivery]) -> None:
        """Send a draft under the gates of its partitions."""
        self.in_flight += 1
        self._threads.submit(self._deliver, draft, _batch(draft, self._clock), self._epoch)

    def probe(self, action: Action) -> None:
        """Ask the vendor whether a held route is well."""
        self._threads.submit(self._probe, action)

    def count(self) -> None:
        """Ask the vendor how much of its quota is used."""
        self._threads.submit(self._count)

    def look_up(self, delivery: Delivery) -> None:
        """Ask the vendor what became of an unsure delivery."""
        self._threads.submit(self._look_up, delivery)

    def unpay(self, draft: Draft[Delivery]) -> None:
        """A draft that was chosen never left."""
        if not draft.action.is_local:
            self._budget.give_back()

    def close(self) -> None:
        """End the threads; what runs is waited for."""
        self._threads.shutdown(wait=True)
        self._sink.close()

    def ended(self, sent: Sent) -> None:
        """The runner has seen a batch's end. After a hold it decides itself again what may go."""
        self.in_flight -= 1
        self._epoch += _hold_of(sent.outcome) is not None

    def _deliver(self, draft: Draft[Delivery], batch: Batch, epoch: int) -> None:
        if epoch <= self._stopped.get(draft.action.name, -1):  # a hold came in while this stood behind another
            self.unpay(draft)
            self._inbox.put(Sent(draft, None))
            return
        try:
            with self._budget.purse() if draft.action.is_local else self._budget.request() as purse:
                outcome = self._sink.deliver(replace(batch, spend=purse.spend))
            if (hold := _hold_of(outcome)) is not None:
                self._stop(hold, draft.action)
            self._inbox.put(Sent(draft, outcome))
        except (GateClosedError, BudgetGoneError):
            self._inbox.put(Sent(draft, None))
        except BaseException as error:  # the runner decides: it settles what it can and ends
            self._inbox.put(Crashed(error, was_batch=True))

    def _stop(self, hold: Hold, action: Action) -> None:
        """Nothing that was handed over before the runner knows of the hold may leave any more."""
        names = self._sink.actions if hold.scope is Scope.SINK else (action.name,)
        self._stopped.update(dict.fromkeys(names, self._epoch))

    def _look_up(self, delivery: Delivery) -> None:
        try:
            with self._budget.purse() as purse:
                purse.spend()
                found = self._sink.look_up(delivery.action, [delivery.item])
            self._inbox.put(LookedUp(delivery, found[0]))
        except BudgetGoneError as error:
            self._inbox.put(LookedUp(delivery, Unsure(Reason.THROTTLED, str(error)), was_asked=False))
        except BaseException as error:
            self._inbox.put(Crashed(error))

    def _count(self) -> None:
        try:
            with self._budget.purse() as purse:
                count = self._sink.counted(purse.ask)
            self._inbox.put(Counted(count))
        except BudgetGoneError:
            self._budget.could_not_ask()
        except BaseException as error:
            self._inbox.put(Crashed(error))

    def _probe(self, action: Action) -> None:
        try:
            with self._budget.purse() as purse:
                purse.spend()
                self._inbox.put(Probed(action, self._sink.probe(action)))
        except BudgetGoneError as error:
            self._inbox.put(Probed(action, Hold(Cause.THROTTLED, Scope.SINK, str(error), _ASK_AGAIN_S)))
        except BaseException as error:
            self._inbox.put(Crashed(error))


def _batch(draft: Draft[Delivery], clock: Clock) -> Batch:
    partitions = {delivery.window.partition.number: delivery.window.partition for delivery in draft.deliveries}
    gates: list[Entry] = [partition.gate for partition in partitions.values()]
    ends = [delivery.leave.until for delivery in draft.deliveries if delivery.leave is not None]
    if ends and (until := min(ends)) < inf:
        gates.append(Expiry(until, clock))
    return Batch(draft.action, draft.shared_by, [d.item for d in draft.deliveries], BatchPermit(gates))


def _hold_of(outcome: Outcome | None) -> Hold | None:
    if isinstance(outcome, Hold):
        return outcome
    return outcome.hold if isinstance(outcome, Answered) else None
