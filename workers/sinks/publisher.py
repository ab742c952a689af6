"""The publisher: settles with something to write go out in one Kafka transaction with their offsets.

A transaction costs about 100 ms (measured), so it has a thread of its own, one settlement at a time;
the runner fills the next one meanwhile. Receipts of deliveries that need nothing else written go by a plain
idempotent producer, and are acknowledged before their delivery is resolved.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from common.errors import CommfleetError, FatalError
from common.event import Commit, OutRecord, PartitionId
from workers.sinks.api import Delivered, Suppressed
from workers.sinks.delivery import Delivery
from workers.sinks.pool import Crashed, Inbox
from workers.sinks.window import Window

_CLOSE_S = 3.0


class Transactions(Protocol):
    """All or nothing (common/kafka/transactions.py)."""

    def commit(self, records: Sequence[OutRecord], offsets: Mapping[PartitionId, Commit], group: Any) -> None:
        """Raises FatalError when the worker cannot go on, another CommfleetError when nothing was written."""
        ...

    def close(self) -> None:
        """Let go of the producer."""
        ...


class PlainProducer(Protocol):
    """Writes outside of transactions (common/kafka/plain.py)."""

    def write(self, records: Sequence[OutRecord], on_done: Callable[[CommfleetError | None], None]) -> None:
        """Write all of them; `on_done` is called once, inside `collect` or `write`, when each has ended."""
        ...

    def collect(self) -> None:
        """Take what became known of records meanwhile."""
        ...

    def close(self) -> None:
        """Let go of the producer."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Settling:
    """What becomes durable with an offset: a dead letter, a retry record, an event, and the receipts of these.

    `delivery` is None for a record that never became one. `ended` is what is counted then (flow, action,
    verdict, reason); None for a parked delivery, which goes on. `frees_lane` says whether its lane waits for it.
    """

    window: Window
    offset: int
    flow_hash: int
    size: int
    records: tuple[OutRecord, ...]
    delivery: Delivery | None
    ended: tuple[str, str, str, str] | None
    frees_lane: bool = True


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one transaction makes durable. `at` is when it was handed over, by the monotonic clock."""

    settling: Sequence[Settling]
    commits: Mapping[PartitionId, Commit]
    group: Any
    at: float


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement's end; with an error nothing of it was written."""

    settlement: Settlement
    error: CommfleetError | None


@dataclass(frozen=True, slots=True)
class Receipted:
    """The receipts of these deliveries are acknowledged; with an error at least one is not."""

    ended: Sequence[tuple[Delivery, Delivered | Suppressed]]
    records: Sequence[OutRecord]
    error: CommfleetError | None


class Publisher:
    """One transaction at a time, in a thread of its own; receipts beside it."""

    def __init__(self, transactions: Transactions, plain: PlainProducer, inbox: Inbox) -> None:
        self._transactions, self._plain, self._inbox = transactions, plain, inbox
        self._handed: SimpleQueue[Settlement | None] = SimpleQueue()
        # a daemon: a client that stands still must not keep a worker from ending
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, settlement: Settlement) -> None:
        """Write the records and commit the offsets; a Settled reaches the inbox."""
        self._handed.put(settlement)

    def receipt(self, ended: Sequence[tuple[Delivery, Delivered | Suppressed]], records: Sequence[OutRecord]) -> None:
        """Write receipts; a Receipted reaches the inbox, by a later `collect`."""
        self._plain.write(records, lambda error: self._inbox.put(Receipted(ended, records, error)))

    def collect(self) -> None:
        """Ask which receipts are acknowledged."""
        self._plain.collect()

    def close(self) -> None:
        """Wait for what runs, within a bound, then let the producers go."""
        self._handed.put(None)
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._transactions.close()
        self._plain.close()

    def _work(self) -> None:
        while (settlement := self._handed.get()) is not None:
            self._run(settlement)

    def _run(self, settlement: Settlement) -> None:
        try:
            records = [record for settling in settlement.settling for record in settling.records]
            self._transactions.commit(records, settlement.commits, settlement.group)
        except FatalError as error:
            self._inbox.put(Crashed(error))
        except CommfleetError as error:
            self._inbox.put(Settled(settlement, error))
        except BaseException as error:  # the transaction's end is unknown: a restart finds out
            self._inbox.put(Crashed(FatalError(f"the publisher failed: {error!r}")))
        else:
            self._inbox.put(Settled(settlement, None))
