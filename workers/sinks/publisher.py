"""The publisher: settles with something to write go out in one Kafka transaction with their offsets.

A transaction costs about 100 ms (measured), so it has a thread of its own, one settlement at a time;
the runner fills the next one meanwhile.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from common.errors import CommfleetError, FatalError
from common.event import Commit, OutRecord, PartitionId
from workers.sinks.pool import Crashed, Inbox
from workers.sinks.window import Window


class Transactions(Protocol):
    """All or nothing (common/kafka/transactions.py)."""

    def commit(self, records: Sequence[OutRecord], offsets: Mapping[PartitionId, Commit], group: Any) -> None:
        """Raises FatalError when the worker cannot go on, another CommfleetError when nothing was written."""
        ...

    def close(self) -> None:
        """Let go of the producer."""
        ...


@dataclass(frozen=True, slots=True)
class Doomed:
    """A delivery (or an unusable record) whose dead letter is to be written, and whose offset goes with it.

    `delivery` is None for a record that never became one.
    """

    window: Window
    offset: int
    size: int
    letter: OutRecord
    delivery: Any
    labels: tuple[str, str, str]
    """flow, action, reason: what is counted once the letter is durable."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one transaction makes durable."""

    doomed: Sequence[Doomed]
    commits: Mapping[PartitionId, Commit]
    group: Any


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement's end; with an error nothing of it was written."""

    settlement: Settlement
    error: CommfleetError | None


class Publisher:
    """One transaction at a time, in a thread of its own."""

    def __init__(self, transactions: Transactions, inbox: Inbox) -> None:
        self._transactions, self._inbox = transactions, inbox
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="publisher")

    def publish(self, settlement: Settlement) -> None:
        """Write the letters and commit the offsets; a Settled reaches the inbox."""
        self._thread.submit(self._run, settlement)

    def close(self) -> None:
        """Wait for what runs, then let the producer go."""
        self._thread.shutdown(wait=True)
        self._transactions.close()

    def _run(self, settlement: Settlement) -> None:
        try:
            letters = [doomed.letter for doomed in settlement.doomed]
            self._transactions.commit(letters, settlement.commits, settlement.group)
        except FatalError as error:
            self._inbox.put(Crashed(error))
        except CommfleetError as error:
            self._inbox.put(Settled(settlement, error))
        except BaseException as error:  # the transaction's end is unknown: a restart finds out
            self._inbox.put(Crashed(FatalError(f"the publisher failed: {error!r}")))
        else:
            self._inbox.put(Settled(settlement, None))
