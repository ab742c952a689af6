"""The ledger: settle a verdict, that is, make it durable and then let the offset go.

Delivered and suppressed deliveries are resolved at once; dead letters wait for a transaction that
writes them together with their offsets. Until it is durable a dead letter holds its lane.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from common.backoff import full_jitter
from common.clock import Clock
from workers.sinks.api import Delivered, Rejected, Suppressed
from workers.sinks.delivery import Delivery, RecordLike
from workers.sinks.headers import NO_FLOW
from workers.sinks.letters import Letters
from workers.sinks.meter import Meter
from workers.sinks.ownership import Ownership
from workers.sinks.planner import Unusable
from workers.sinks.publisher import Doomed, Publisher, Settled, Settlement
from workers.sinks.window import Window

_LETTERS_A_TRANSACTION = 200
_RETRY_BASE_S, _RETRY_CAP_S = 0.5, 30.0


class Ledger:
    """What is settled and what waits to be. `on_freed` gets each delivery that became head of its lane."""

    def __init__(
        self, group: str, letters: Letters, publisher: Publisher, ownership: Ownership,
        group_metadata: Callable[[], object], on_freed: Callable[[Delivery], None], clock: Clock, meter: Meter,
    ) -> None:  # fmt: skip
        self._group, self._letters, self._publisher = group, letters, publisher
        self._ownership, self._group_metadata, self._on_freed = ownership, group_metadata, on_freed
        self._clock, self._meter = clock, meter
        self._doomed: list[Doomed] = []
        self._failures = 0
        self._again_at = 0.0
        self._rng = random.Random()
        self.under_way: Settlement | None = None

    @property
    def is_away(self) -> bool:
        """Whether the dead-letter topic took no letters lately: nothing is sent meanwhile."""
        return self._failures > 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for a transaction."""
        return self.under_way is None and not self._doomed

    def resolve(self, ended: Iterable[tuple[Delivery, Delivered | Suppressed]]) -> None:
        """These deliveries are done: offsets go, lanes move on."""
        now = self._clock.now()
        latencies: dict[tuple[str, str, str, str], list[float]] = {}
        for delivery, verdict in ended:
            reason = "" if isinstance(verdict, Delivered) else str(verdict.reason)
            labels = (delivery.flow.name, delivery.action.name, type(verdict).__name__.lower(), reason)
            latencies.setdefault(labels, []).append(_latency_s(delivery, now))
            self._release(delivery.window, delivery.record.offset, delivery.size, delivery)
        for labels, seconds in latencies.items():
            self._meter.ended(*labels, seconds)

    def doom(self, delivery: Delivery, verdict: Rejected, stage: str) -> None:
        """A delivery needs a person: its letter goes out with the next transaction."""
        letter = self._letters.wrap(
            delivery.record, delivery.origin(self._group), action=delivery.action.name, stage=stage,
            reason=verdict.reason, detail=verdict.detail, vendor_code=verdict.vendor_code, at=self._clock.now(),
        )  # fmt: skip
        labels = (delivery.flow.name, delivery.action.name, str(verdict.reason))
        self._doomed.append(Doomed(delivery.window, delivery.record.offset, delivery.size, letter, delivery, labels))

    def doom_record(self, record: RecordLike, unusable: Unusable, window: Window) -> None:
        """A record that no flow can use needs a person."""
        letter = self._letters.wrap(
            record, unusable.origin, action="", stage="decode", reason=unusable.reason, detail=unusable.detail,
            vendor_code="", at=self._clock.now(),
        )  # fmt: skip
        labels = (NO_FLOW, "", str(unusable.reason))
        self._doomed.append(Doomed(window, record.offset, len(record.value or b""), letter, None, labels))

    def publish_due(self) -> None:
        """Start the next transaction when none runs; windows whose plain commit is under way wait for it."""
        if self.under_way or not self._doomed or self._clock.monotonic() < self._again_at:
            return
        chosen = [d for d in self._doomed if not self._ownership.is_committing(d.window.id)][:_LETTERS_A_TRANSACTION]
        if not chosen:
            return
        windows = {doomed.window.id: doomed.window for doomed in chosen}
        commits = {}
        for id_, window in windows.items():
            window.is_settling = True
            settled = Counter(doomed.offset for doomed in chosen if doomed.window is window)
            commits[id_] = self._ownership.settlement_commit(window, settled)
        self.under_way = Settlement(chosen, commits, self._group_metadata())
        self._publisher.publish(self.under_way)

    def settled(self, end: Settled) -> None:
        """A transaction ended: its letters are durable, or none is and they are tried again."""
        self.under_way = None
        for doomed in end.settlement.doomed:
            doomed.window.is_settling = False
        if end.error is not None:
            self._failures += 1
            wait_s = full_jitter(self._failures, _RETRY_BASE_S, _RETRY_CAP_S, self._rng)
            self._again_at = self._clock.monotonic() + wait_s
            return
        self._failures = 0
        self._confirm(end.settlement)

    def forget(self) -> None:
        """Partitions were taken away: what is not durable is the next owner's to read again."""
        self._doomed = [doomed for doomed in self._doomed if doomed.window.partition.is_ours]

    def _confirm(self, settlement: Settlement) -> None:
        durable = {id(doomed) for doomed in settlement.doomed}
        self._doomed = [doomed for doomed in self._doomed if id(doomed) not in durable]
        now = self._clock.now()
        for doomed in settlement.doomed:
            flow, action, reason = doomed.labels
            self._meter.ended(
                flow, action, "rejected", reason, [_latency_s(doomed.delivery, now)] if doomed.delivery else [0.0]
            )
            if doomed.window.partition.is_ours:
                self._release(doomed.window, doomed.offset, doomed.size, doomed.delivery)
        for window in {id(doomed.window): doomed.window for doomed in settlement.doomed}.values():
            if window.partition.is_ours:
                self._ownership.confirm(window.id, settlement.commits[window.id])

    def _release(self, window: Window, offset: int, size: int, delivery: Delivery | None) -> None:
        window.resolve(offset, size)
        if delivery is not None:
            following = window.partition.lanes.done(delivery.lane)
            if following is not None:
                self._on_freed(following)


def _latency_s(delivery: Delivery, now: datetime) -> float:
    """Seconds from occurred_at to the end; a clock that is ahead counts as none."""
    occurred_at: datetime = delivery.event.value["occurred_at"]
    return max(0.0, (now - occurred_at).total_seconds())
