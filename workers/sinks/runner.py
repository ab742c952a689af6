"""The sink path: poll, track, decode, flows, lanes, batcher, fence, deliver, verdict, settle, commit.

One thread, the runner's, owns the consumer and everything on this page. Delivery threads and the
publisher answer through one inbox; nothing else is shared but the gates.
"""

import random
import threading
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty

from common.clock import Clock
from common.errors import FatalError
from common.kafka.consumer import GroupConsumer
from workers.sinks.api import Sink
from workers.sinks.asker import Heard
from workers.sinks.budget import Budget
from workers.sinks.copies import Copies
from workers.sinks.delivery import Delivery
from workers.sinks.dispatcher import Dispatcher
from workers.sinks.entrance import Entrance
from workers.sinks.gate import Pulse
from workers.sinks.holdings import Holdings, Starts, Terms
from workers.sinks.judge import Judge
from workers.sinks.lag import Lag
from workers.sinks.ledger import Ledger, Writers
from workers.sinks.memory import Memory, StoreAccess
from workers.sinks.meter import Meter
from workers.sinks.naming import Naming
from workers.sinks.ownership import Handover, Ownership
from workers.sinks.pace import Pace
from workers.sinks.parking import Parker
from workers.sinks.planner import Planner
from workers.sinks.pool import Counted, Crashed, DeliveryPool, Inbox, LookedUp, Probed, Sent
from workers.sinks.publisher import PlainProducer, Publisher, Receipted, Settled, Transactions
from workers.sinks.reader import Reader
from workers.sinks.routes import Release, Routes
from workers.sinks.status import Reporter, Status
from workers.sinks.tails import Tails
from workers.sinks.window import Window

_BUSY_POLL_S = 0.002
_IDLE_POLL_S = 0.05
_ASK_S = 0.01


@dataclass(frozen=True, slots=True)
class Clients:
    """A runner's clients of Kafka; it closes them."""

    consumer: GroupConsumer
    transactions: Transactions
    plain: PlainProducer


class Runner:
    """One group of a sink: one member of a consumer group."""

    def __init__(
        self, group: str, topics: Collection[str], sink: Sink, planner: Planner, clients: Clients, starts: Starts,
        tails: Tails, copies: Copies, writers: Writers, terms: Terms, pace: Pace, budget: Budget, clock: Clock,
        meter: Meter, store: StoreAccess | None = None,
    ) -> None:  # fmt: skip
        self._budget, self._tails, self._copies = budget, tails, copies
        self._topics, self._consumer, self._pace, self._clock = topics, clients.consumer, pace, clock
        self._inbox = Inbox()
        self._ready: deque[Delivery] = deque()
        self._naming = Naming()
        self._pool = DeliveryPool(sink, pace.max_in_flight, budget, self._inbox, clock)
        self._publisher = Publisher(clients.transactions, clients.plain, self._inbox)
        pulse = Pulse(clock)
        holdings = Holdings(starts, terms, planner.is_once, clock, pulse)
        handover = Handover(self._hand_over, self._forget, self._gained, budget.assigned, budget.revoked)
        self._ownership = Ownership(clients.consumer, holdings, terms, self._naming, handover, clock, pulse, meter)
        budget.spend_while(lambda: self._ownership.may_send)
        self._ledger = Ledger(
            group, writers, self._publisher, self._ownership, clients.consumer.group_metadata, self._ready.append,
            clock, meter,
        )  # fmt: skip
        self._memory = Memory(store, planner.flows, self._ledger, self._ready.append, clock, self._inbox)
        self._entrance = Entrance(planner, copies, self._ledger, self._memory, group)
        self._reader = Reader(
            clients.consumer, planner, copies, lambda: holdings.windows, self._entrance, group, pace.in_hand, clock,
            meter,
        )  # fmt: skip
        self._routes = Routes(pace.backoff_base_s, pace.backoff_cap_s, random.Random())
        self._dispatcher = Dispatcher(
            sink, self._pool, self._ledger, self._naming, self._routes, copies, budget, self._memory,
            self._ready.append, pace, clock, meter,
        )  # fmt: skip
        self._parker = Parker(self._dispatcher, self._ledger, self._routes, self._memory)
        self._judge = Judge(self._dispatcher, self._ledger, self._parker, self._routes, pace, clock, meter)
        self._reporter = Reporter(
            self._ownership, self._routes, self._dispatcher, self._ledger, copies, self._memory, self._pool, budget,
            Lag(clients.consumer.cached_end, planner.retry_topic, clock, meter), meter,
        )  # fmt: skip

    @property
    def status(self) -> Status:
        """What it last showed of itself; from any thread."""
        return self._reporter.status

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; then settle what runs, commit and leave. Raises what nobody decided about."""
        try:
            self._copies.start()
            self._consumer.subscribe(self._topics, self._ownership)
            while not stop.is_set():
                self._turn()
            self._drain()
        except FatalError:
            raise
        except Exception:
            self._drain()
            raise
        finally:
            self._close()

    def release(self, route: str) -> Future[bool]:
        """An operator ends the hold of a route: an action's name, or empty for the sink. From any thread."""
        answer: Future[bool] = Future()
        self._inbox.put(Release(route, answer))
        return answer

    def _turn(self) -> None:
        """One round, in the order of the path."""
        self._ready.extend(self._reader.deliveries(self._poll_s()))
        self._ownership.pulse.beat()
        self._collect()
        now = self._clock.monotonic()
        self._wake(now)
        self._ready.extend(self._copies.released())
        self._ready.extend(self._entrance.decided())
        self._dispatcher.prepare(self._ready, now)
        self._memory.ask_due(now)
        if self._ownership.may_send:
            if self._budget.wants_count(now):
                self._pool.count()
            self._dispatcher.probe(now)
            self._dispatcher.dispatch(now)
        if self._ownership.is_assigned:
            self._ledger.publish_due()
            self._ownership.commit_due()
        self._report(now)

    def _collect(self) -> None:
        """What threads and receipts have come to; waits a little where reading stands still."""
        self._publisher.collect()
        wait_s = _BUSY_POLL_S if self._reader.is_waiting else 0.0
        try:
            self._take(self._inbox.get(timeout=wait_s) if wait_s else self._inbox.get_nowait())
            while True:
                self._take(self._inbox.get_nowait())
        except Empty:
            return

    def _take(self, message: object) -> None:
        match message:
            case Sent():
                self._pool.ended(message)
                self._judge.ended(message)
            case Settled():
                self._ledger.settled(message)
            case Receipted():
                self._ledger.receipted(message)
            case Probed(action, hold):
                self._dispatcher.probed(action, hold)
            case Counted(count):
                self._budget.vendor_said(count)
            case Heard():
                self._memory.heard(message)
            case LookedUp():
                self._judge.looked_up(message)
            case Release(route, answer):
                answer.set_result(self._routes.release(route))
            case Crashed(error, was_batch):
                self._pool.in_flight -= was_batch
                raise error
            case _:
                raise TypeError(f"nobody sends {type(message).__name__} to a runner")

    def _wake(self, now: float) -> None:
        for partition in self._ownership.partitions.values():
            if partition.lanes.waiting:
                self._dispatcher.again(partition.lanes.due(now), now)

    # -- owning, stopping ---------------------------------------------------------------------

    def _hand_over(self, bound_s: float) -> None:
        """Partitions are being revoked: un-name what was not sent, collect what runs."""
        self._dispatcher.unname()
        self._finish_running(bound_s)

    def _finish_running(self, bound_s: float) -> None:
        """Collect what delivery threads and the publisher are at, for at most `bound_s` seconds."""
        deadline = self._clock.monotonic() + bound_s
        while (self._pool.in_flight or self._ledger.is_running) and self._clock.monotonic() < deadline:
            self._take_within(deadline - self._clock.monotonic())

    def _take_within(self, seconds: float) -> None:
        """The next message, or none within so long, and within the time after which receipts are asked for again."""
        self._publisher.collect()
        with suppress(Empty):
            self._take(self._inbox.get(timeout=max(0.0, min(seconds, _ASK_S))))

    def _gained(self, windows: Collection[Window]) -> None:
        """Partitions are new to us: learn which keys are parked, and which ids were seen."""
        self._tails.park(windows)
        self._copies.gained(windows)

    def _forget(self) -> None:
        """Drop everything that stands on partitions which are not ours."""
        kept = [delivery for delivery in self._ready if delivery.window.partition.is_ours]
        self._ready.clear()
        self._ready.extend(kept)
        self._copies.forget(self._ownership.partitions)
        for part in (self._dispatcher, self._ledger, self._entrance, self._memory, self._reader, self._reporter):
            part.forget()

    def _drain(self) -> None:
        """Send nothing new; settle what runs within the deadline; commit."""
        self._dispatcher.unname()
        deadline = self._clock.monotonic() + self._pace.drain_s
        while (self._pool.in_flight or not self._ledger.is_idle) and self._clock.monotonic() < deadline:
            if self._ownership.is_assigned:
                self._ledger.publish_due()
            self._take_within(deadline - self._clock.monotonic())
        self._ownership.commit_all_now()

    def _close(self) -> None:
        for part in (self._reporter, self._consumer, self._pool, self._publisher, self._copies, self._memory):
            part.close()

    # -- what it shows ------------------------------------------------------------------------

    def _poll_s(self) -> float:
        is_busy = self._pool.in_flight or not (self._ledger.is_idle and self._dispatcher.is_idle)
        is_told = not (self._copies.is_rebuilding or self._memory.is_asking)
        return _IDLE_POLL_S if is_told and not is_busy else _BUSY_POLL_S

    def _report(self, now: float) -> None:
        if not self._reporter.is_due(now):
            return
        self._reader.spare(self._ownership.partitions.values())
        self._parker.relieve(self._reader.full)
        self._reporter.report(now)
