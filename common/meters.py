"""What the paths call to be counted; names and help of the metrics stand in common/metrics.py."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import Protocol

from common.metrics import Metrics

_STATUSES = frozenset(str(status.value) for status in HTTPStatus)


class MadePage(Protocol):
    """A committed page, as far as metrics care."""

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Items by what became of them."""
        ...

    @property
    def substitutes(self) -> int:
        """Events that carry a substitute for the customer id."""
        ...

    @property
    def unknown_types(self) -> int:
        """Events of a type that we have no word for."""
        ...


class HeldRoute(Protocol):
    """A route that is held, as far as metrics care."""

    @property
    def action(self) -> str:
        """The held action; empty for the whole sink."""
        ...

    @property
    def cause(self) -> str:
        """Why."""
        ...


class SinkMeter:
    """What one runner (a group of a sink) counts; called from its thread, where nothing else is said."""

    def __init__(self, metrics: Metrics, sink: str, group: str) -> None:
        self._metrics, self._sink, self._runner = metrics, sink, (sink, group)
        self._held: set[tuple[str, str]] = set()

    def consumed(self, topic: str, count: int) -> None:
        """Records read of a topic."""
        self._metrics.events_consumed.labels(*self._runner, topic).inc(count)

    def batched(self, action: str, size: int) -> None:
        """A batch left with so many deliveries."""
        self._metrics.batch_size.observe((self._sink, action), (size,))

    def attempted(self, action: str, verdict: str, count: int) -> None:
        """Verdicts of tries, ends or not."""
        self._metrics.attempts.labels(self._sink, action, verdict).inc(count)

    def ended(self, flow: str, action: str, verdict: str, reason: str, latencies_s: Sequence[float]) -> None:
        """Deliveries that ended, one latency (occurred_at to end) each; the rejected are dead letters."""
        self._metrics.deliveries.labels(self._sink, flow, action, verdict, reason).inc(len(latencies_s))
        self._metrics.delivery_latency.observe((self._sink, flow), latencies_s)
        if verdict == "rejected":
            self._metrics.dead_letters.labels(self._sink, flow, reason).inc(len(latencies_s))

    def committed(self, seconds: float) -> None:
        """A commit was confirmed after so long."""
        self._metrics.commit_seconds.observe(self._runner, (seconds,))

    def rebalanced(self) -> None:
        """The group gave or took partitions."""
        self._metrics.rebalances.labels(*self._runner).inc()

    def holds(self, holds: Sequence[HeldRoute]) -> None:
        """The routes that are held now: all of them; one that is not here any more shows 0."""
        now = {(hold.action, str(hold.cause)) for hold in holds}
        if now == self._held:
            return
        for route in self._held | now:
            self._metrics.route_state.labels(*self._runner, *route).set(route in now)
        self._held = now

    def load(self, in_flight: int, lanes_waiting: int) -> None:
        """Deliveries that are being sent, and lanes that wait for a time."""
        self._metrics.in_flight.labels(*self._runner).set(in_flight)
        self._metrics.lanes_waiting.labels(*self._runner).set(lanes_waiting)

    def budget_left(self, requests: int | None) -> None:
        """Requests that the vendor's windows allow this worker now; None where nothing bounds them."""
        if requests is not None:
            self._metrics.budget_tokens.labels(*self._runner).set(requests)

    def budget_waited(self, seconds: float) -> None:
        """A request waited so long for the vendor's budget; from any thread."""
        self._metrics.budget_wait.observe(self._runner, (seconds,))

    def remembered(self, keys_parked: int, ids: int) -> None:
        """Keys that are parked, and event ids that are remembered to tell duplicates."""
        self._metrics.keys_parked.labels(*self._runner).set(keys_parked)
        self._metrics.duplicate_ids.labels(*self._runner).set(ids)

    def scalable(self, records: int) -> None:
        """Records that wait for nothing but a worker."""
        self._metrics.scalable_lag.labels(*self._runner).set(records)

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Records of a partition that are not settled yet."""
        self._metrics.lag_records.labels(*self._runner, topic, str(partition)).set(records)

    def unassigned(self, topic: str, partition: int) -> None:
        """A partition is another worker's now: its lag is not ours to tell."""
        with suppress(KeyError):
            self._metrics.lag_records.remove(*self._runner, topic, str(partition))

    def oldest(self, seconds: float) -> None:
        """Age of the oldest event that is not settled yet; 0 without one."""
        self._metrics.lag_seconds.labels(*self._runner).set(seconds)


class VendorMeter:
    """What one sink's client counts; called from several delivery threads."""

    def __init__(self, metrics: Metrics, sink: str) -> None:
        self._metrics, self._sink = metrics, sink

    def requested(self, action: str, status: int | None, seconds: float) -> None:
        """A request ended with a status, or (None) without a whole answer."""
        known = "none" if status is None else str(status)
        label = known if status is None or known in _STATUSES else "other"
        self._metrics.vendor_requests.labels(self._sink, action, label).inc()
        self._metrics.vendor_request_seconds.observe((self._sink, action), (seconds,))

    def skewed(self, seconds: float) -> None:
        """Our clock against the vendor's Date header; positive when ours is ahead."""
        self._metrics.clock_skew.labels(self._sink).set(seconds)


class IngestMeter:
    """What the ingest path counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._signals = cache(metrics.ingest_signals.labels)

    def signal(self, source: str, outcome: str) -> None:
        """A signal ended; `source` is a configured name, or `unknown`."""
        self._signals(source, outcome).inc()

    def acknowledged(self, source: str, seconds: float) -> None:
        """Kafka confirmed an event so long after it was handed over."""
        self._metrics.ingest_ack.observe((source,), (seconds,))

    def unknown_type(self, source: str) -> None:
        """A good signal said something that we have no word for."""
        self._metrics.ingest_unknown_types.labels(source).inc()

    def substitute(self, source: str) -> None:
        """An event carries a substitute instead of the site's own customer id."""
        self._metrics.ingest_substitutes.labels(source).inc()


class JourneyMeter:
    """What a journey worker counts; called from its thread.

    `path` is what every reader of Kafka has: lag, commits (transactions of the store here), holds. It counts under
    the sink `journeys`, so that alerts and panels of the sinks are about journey workers, too.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self.path = metrics, SinkMeter(metrics, "journeys", "main")

    def lettered(self, reason: str) -> None:
        """A record that nobody can read became a dead letter."""
        self._metrics.dead_letters.labels("journeys", "-", reason).inc()

    def fresh(self, age_s: float) -> None:
        """How long ago everything was applied, of the partition that is last; 0 without one."""
        self._metrics.journey_fresh.set(age_s)

    def outbox(self, events: int) -> None:
        """Derived events that Kafka does not have yet."""
        self._metrics.journey_outbox.set(events)

    def counted(self, counts: Mapping[tuple[str, str], int]) -> None:
        """What became of starts and steps, by journey and outcome; after the transaction."""
        for (journey, outcome), count in counts.items():
            self._metrics.journey_outcomes.labels(journey, outcome).inc(count)

    def due(self, count: int, oldest_s: float) -> None:
        """Timers that are due and not fired yet, and how long ago the oldest one was due."""
        self._metrics.journey_timers_due.set(count)
        self._metrics.journey_timer_oldest_due.set(oldest_s)


class PollMeter:
    """What the pollers of one source count; called by the active one."""

    def __init__(self, metrics: Metrics, source: str) -> None:
        self._metrics, self._source = metrics, source
        self.active(False)

    def active(self, is_active: bool) -> None:
        """This worker polls, or stands by; who stands by does not know how old a cursor is."""
        self._metrics.poller_active.labels(self._source).set(is_active)
        if not is_active:
            self._metrics.poller_cursor_age.clear()

    def polled(self, feed: str, made: MadePage, repeated: int) -> None:
        """A page is committed; so many of its items had been seen."""
        for outcome, count in {**made.outcomes, "repeated": repeated}.items():
            if count:
                self._metrics.poller_items.labels(self._source, feed, outcome).inc(count)
        self._metrics.ingest_substitutes.labels(self._source).inc(made.substitutes)
        self._metrics.ingest_unknown_types.labels(self._source).inc(made.unknown_types)

    def paused(self, feed: str, cause: str) -> None:
        """A feed cannot be asked for a while."""
        self._metrics.poller_pauses.labels(self._source, feed, str(cause)).inc()

    def aged(self, feed: str, seconds: float) -> None:
        """How long ago everything that the source showed had been published."""
        self._metrics.poller_cursor_age.labels(self._source, feed).set(seconds)

    def budget(self, left: int) -> None:
        """Requests that today's slice still has."""
        self._metrics.poller_budget_left.labels(self._source).set(left)


class FileMeter:
    """What the worker of file drops counts; lines are signals of their source.

    Every series is there from the start: an increase from nothing to one would be seen by nobody.
    """

    def __init__(self, metrics: Metrics, sources: Sequence[str], outcomes: Sequence[str]) -> None:
        self._metrics = metrics
        for source in sources:
            for outcome in outcomes:
                metrics.files.labels(source, outcome)
            self.sent(source, 0, 0, 0, 0)

    def sent(self, source: str, stored: int, bad: int, substitutes: int, unknown_types: int) -> None:
        """Lines are confirmed: so many events, so many letters."""
        metrics = self._metrics
        metrics.ingest_signals.labels(source, "stored").inc(stored)
        metrics.ingest_signals.labels(source, "kept").inc(bad)
        metrics.ingest_substitutes.labels(source).inc(substitutes)
        metrics.ingest_unknown_types.labels(source).inc(unknown_types)

    def ended(self, source: str, outcome: str) -> None:
        """A file was moved away."""
        self._metrics.files.labels(source, str(outcome)).inc()

    def waiting(self, source: str, files: int, oldest_s: float) -> None:
        """Files in the folder, and how long the oldest has not changed."""
        self._metrics.files_waiting.labels(source).set(files)
        self._metrics.files_oldest.labels(source).set(oldest_s)
