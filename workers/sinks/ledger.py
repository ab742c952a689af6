"""The ledger: settle a verdict, that is, make it durable and then let the offset go.

What needs nothing written is resolved at once; receipts are acknowledged first; dead letters, retry records
and yielded events wait for a transaction that writes them together with their offsets.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.backoff import full_jitter
from common.clock import Clock
from common.errors import CommfleetError
from common.event import OutRecord
from common.reasons import Reason
from workers.flows.flow import Flow
from workers.sinks.api import Delivered, Rejected, Suppressed
from workers.sinks.delivery import Delivery, RecordLike
from workers.sinks.headers import NO_FLOW
from workers.sinks.letters import Letters
from workers.sinks.meter import Meter
from workers.sinks.ownership import Ownership
from workers.sinks.planner import Unusable
from workers.sinks.progress import NOBODY
from workers.sinks.publisher import Publisher, Receipted, Settled, Settlement, Settling
from workers.sinks.receipts import Receipts
from workers.sinks.retries import Retries
from workers.sinks.window import Window
from workers.sinks.yields import Yields

_ENTRIES_A_TRANSACTION = 200
_RETRY_BASE_S, _RETRY_CAP_S = 0.5, 30.0

Ended = tuple[Delivery, Delivered | Suppressed]


@dataclass(frozen=True, slots=True)
class Writers:
    """What writes the records of a group: letters, receipts, retries, yielded events."""

    letters: Letters
    receipts: Receipts
    retries: Retries
    yields: Yields


class Ledger:
    """What is settled and what waits to be. `on_freed` gets each delivery that became head of its lane."""

    def __init__(
        self, group: str, writers: Writers, publisher: Publisher, ownership: Ownership,
        group_metadata: Callable[[], object], on_freed: Callable[[Delivery], None], clock: Clock, meter: Meter,
    ) -> None:  # fmt: skip
        self._group, self._writers, self._publisher = group, writers, publisher
        self._ownership, self._group_metadata, self._on_freed = ownership, group_metadata, on_freed
        self._clock, self._meter = clock, meter
        self._settling: list[Settling] = []
        self._failures = 0
        self._again_at = 0.0
        self._rng = random.Random()
        self._receipts_under_way = 0
        self.under_way: Settlement | None = None

    @property
    def is_away(self) -> bool:
        """Whether Kafka took no records lately: nothing is sent until what waits was taken.

        Where nothing waits any more, for its partitions were taken away, nobody would ever find out.
        """
        return self._failures > 0 and bool(self._settling)

    @property
    def is_running(self) -> bool:
        """Whether a transaction or receipts are under way."""
        return self.under_way is not None or self._receipts_under_way > 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be durable."""
        return not self.is_running and not self._settling

    # -- settling -----------------------------------------------------------------------------

    def resolve(self, ended: Sequence[Ended]) -> None:
        """These deliveries ended well: receipts first, then offsets go and lanes move on."""
        plain: list[Ended] = []
        receipted: list[Ended] = []
        for delivery, verdict in ended:
            if isinstance(verdict, Delivered) and verdict.events:
                self._settle_with_events(delivery, verdict)
            elif delivery.is_told or isinstance(verdict, Suppressed):
                receipted.append((delivery, verdict))
            else:
                plain.append((delivery, verdict))
        if plain:
            self._release_all(plain)
        if receipted:
            at = self._clock.now()
            self._write_receipts(receipted, [self._receipt(*one, at) for one in receipted])

    def doom(self, delivery: Delivery, verdict: Rejected, stage: str) -> None:
        """A delivery needs a person: its letter goes out with the next transaction, and its receipt."""
        at = self._clock.now()
        try:
            events = self._writers.yields.records(verdict.events)
        except CommfleetError as error:
            events, verdict = [], replace(verdict, detail=f"{verdict.detail}; nobody was told: {error}")
        letter = self._writers.letters.wrap(
            delivery.record, delivery.origin(self._group), action=delivery.action.name, stage=stage,
            reason=verdict.reason, detail=verdict.detail, vendor_code=verdict.vendor_code, at=at,
        )  # fmt: skip
        receipt = self._writers.receipts.record(delivery, "REJECTED", str(verdict.reason), {}, at)
        labels = (delivery.flow.name, delivery.action.name, "rejected", str(verdict.reason))
        self._add(delivery, (letter, receipt, *events), labels)

    def doom_record(self, record: RecordLike, unusable: Unusable, window: Window) -> None:
        """A record that no flow can use needs a person."""
        letter = self._writers.letters.wrap(
            record, unusable.origin, action="", stage="decode", reason=unusable.reason, detail=unusable.detail,
            vendor_code="", at=self._clock.now(),
        )  # fmt: skip
        labels = (NO_FLOW, "", "rejected", str(unusable.reason))
        size = len(record.value or b"")
        self._settling.append(Settling(window, record.offset, NOBODY, size, (letter,), None, labels))

    def park(self, deliveries: Sequence[Delivery], state: str, not_before: datetime | None = None) -> None:
        """These leave memory for the retry topic, in order; their lanes do not wait for them.

        The first is written with `state` and is not tried before `not_before`, what stands behind it as a follower.
        """
        for record, delivery in self._writers.retries.records(deliveries, state, not_before):
            delivery.window.partition.parked[delivery.lane] += 1
            self._settling.append(
                Settling(
                    delivery.window, delivery.record.offset, delivery.flow_hash, delivery.size, (record,), delivery,
                    None, frees_lane=False,
                )
            )  # fmt: skip

    # -- transactions -------------------------------------------------------------------------

    def publish_due(self) -> None:
        """Start the next transaction when none runs; windows whose plain commit is under way wait for it."""
        if self.under_way or not self._settling or self._clock.monotonic() < self._again_at:
            return
        free = [one for one in self._settling if not self._ownership.is_committing(one.window.id)]
        chosen = free[:_ENTRIES_A_TRANSACTION]
        if not chosen:
            return
        by_window: dict[Window, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for one in chosen:
            by_window[one.window][one.offset].add(one.flow_hash)
        commits = {w.id: self._ownership.settlement_commit(w, settled) for w, settled in by_window.items()}
        for window in by_window:
            window.is_settling = True
        self.under_way = Settlement(chosen, commits, self._group_metadata(), self._clock.monotonic())
        self._publisher.publish(self.under_way)

    def settled(self, end: Settled) -> None:
        """A transaction ended: its records are durable, or none is and they are tried again."""
        self.under_way = None
        for one in end.settlement.settling:
            one.window.is_settling = False
        if end.error is not None:
            self._failures += 1
            wait_s = full_jitter(self._failures, _RETRY_BASE_S, _RETRY_CAP_S, self._rng)
            self._again_at = self._clock.monotonic() + wait_s
            return
        self._failures = 0
        self._confirm(end.settlement)

    def receipted(self, end: Receipted) -> None:
        """Receipts are acknowledged, so their deliveries are resolved; or they are written again."""
        self._receipts_under_way -= 1
        ours = [(one, rec) for one, rec in zip(end.ended, end.records, strict=True) if one[0].window.partition.is_ours]
        if not ours:
            return
        if end.error is not None:
            self._write_receipts([one for one, _ in ours], [record for _, record in ours])
        else:
            self._release_all([one for one, _ in ours])

    def forget(self) -> None:
        """Partitions were taken away: what is not durable is the next owner's to read again."""
        self._settling = [one for one in self._settling if one.window.partition.is_ours]

    # -- pieces -------------------------------------------------------------------------------

    def _add(self, delivery: Delivery, records: Iterable[OutRecord], labels: tuple[str, str, str, str]) -> None:
        entry = (delivery.window, delivery.record.offset, delivery.flow_hash, delivery.size)
        self._settling.append(Settling(*entry, tuple(records), delivery, labels))

    def _settle_with_events(self, delivery: Delivery, verdict: Delivered) -> None:
        try:
            records = self._writers.yields.records(verdict.events)
        except CommfleetError as error:
            self.doom(
                delivery, Rejected(Reason.BUG, f"an event that the action made cannot be written: {error}"), "deliver"
            )
            return
        if delivery.is_told:
            records.append(self._receipt(delivery, verdict, self._clock.now()))
        self._add(delivery, records, (delivery.flow.name, delivery.action.name, "delivered", ""))

    def _write_receipts(self, ended: Sequence[Ended], records: Sequence[OutRecord]) -> None:
        self._receipts_under_way += 1
        self._publisher.receipt(ended, records)

    def _receipt(self, delivery: Delivery, verdict: Delivered | Suppressed, at: datetime) -> OutRecord:
        if isinstance(verdict, Delivered):
            return self._writers.receipts.record(delivery, "DELIVERED", "", verdict.vendor_ids, at)
        return self._writers.receipts.record(delivery, "SUPPRESSED", str(verdict.reason), {}, at)

    def _confirm(self, settlement: Settlement) -> None:
        durable = {id(one) for one in settlement.settling}
        self._settling = [one for one in self._settling if id(one) not in durable]
        now = self._clock.now()
        for one in settlement.settling:
            if one.ended is not None:
                self._meter.ended(*one.ended, [_latency_s(one.delivery, now) if one.delivery else 0.0])
            if one.window.partition.is_ours:
                self._release(one.window, one.offset, one.flow_hash, one.size, one.delivery if one.frees_lane else None)
        for window in {one.window for one in settlement.settling}:
            if window.partition.is_ours:
                self._ownership.confirm(window.id, settlement.commits[window.id], settlement.at)

    def _release_all(self, ended: Iterable[Ended]) -> None:
        now = self._clock.now()
        latencies: dict[tuple[Flow, type, str], list[float]] = defaultdict(list)
        for delivery, verdict in ended:
            reason = str(verdict.reason) if isinstance(verdict, Suppressed) else ""
            latencies[delivery.flow, type(verdict), reason].append(_latency_s(delivery, now))
            self._release(delivery.window, delivery.record.offset, delivery.flow_hash, delivery.size, delivery)
        for (flow, kind, reason), seconds in latencies.items():
            self._meter.ended(flow.name, flow.action.name, kind.__name__.lower(), reason, seconds)

    def _release(self, window: Window, offset: int, flow_hash: int, size: int, delivery: Delivery | None) -> None:
        window.resolve(offset, flow_hash, size)
        if delivery is not None:
            following = window.partition.lanes.done(delivery.lane)
            if following is not None:
                self._on_freed(following)


def _latency_s(delivery: Delivery, now: datetime) -> float:
    """Seconds from occurred_at to the end; a clock that is ahead counts as none."""
    occurred_at: datetime = delivery.event.value["occurred_at"]
    return max(0.0, (now - occurred_at).total_seconds())
