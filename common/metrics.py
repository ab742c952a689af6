"""Every metric, declared once, a sentence each; prefix `commfleet_`, base units, closed label sets.

Names and labels are an interface: dashboards and alerts stand on them. The paths call common/meters.py,
with counts, so that a batch costs one increment for each label set.
"""

import platform
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, that nobody reads

_SHORT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400)
_ITEMS = (1, 2, 5, 10, 20, 50, 75, 100, 300)


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as docs, dashboards and alerts may name it; of a histogram without `_bucket`, `_sum`, `_count`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str


class Histogram(Collector):
    """A histogram that takes many observations under one lock: a batch costs one call."""

    def __init__(
        self,
        name: str,
        about: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self._name, self._about, self._labels, self._bounds = name, about, tuple(labels), tuple(bounds)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = Lock()
        registry.register(self)

    def observe(self, labels: tuple[str, ...], values: Iterable[float]) -> None:
        """Add observations of one label set; `labels` in the declared order."""
        observed = list(values)
        with self._lock:
            counts = self._counts.setdefault(labels, [0] * (len(self._bounds) + 1))
            for value in observed:
                counts[bisect_left(self._bounds, value)] += 1
            self._sums[labels] = self._sums.get(labels, 0.0) + sum(observed)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """The name, so that the registry refuses a second metric of it."""
        yield HistogramMetricFamily(self._name, self._about, labels=self._labels)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What Prometheus reads: cumulated buckets."""
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        with self._lock:
            seen = [(labels, list(counts), self._sums[labels]) for labels, counts in self._counts.items()]
        limits = [*map(floatToGoString, self._bounds), "+Inf"]
        for labels, counts, total in seen:
            family.add_metric(labels, list(zip(limits, accumulate(counts), strict=True)), total)
        yield family


class Metrics:
    """All metrics of a process, in a registry of its own unless one is given."""

    def __init__(self, version: str, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry(auto_describe=True)
        self.declared: list[Declared] = []
        self._declare_sink()
        self._declare_vendor()
        self._declare_ingest()
        self._declare_pollers()
        self._declare_files()
        self._declare_journeys()
        build = {"version": version, "python": platform.python_version()}
        about = self._declare("build_info", "info", build, "Version of commfleet and of Python.")
        Info("commfleet_build", about, registry=self.registry).info(build)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def render(self, accept: str) -> tuple[str, bytes]:
        """Content type and body of /metrics, in the format that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    def _declare_sink(self) -> None:
        runner = ("sink", "group")
        self.events_consumed = self._counter(
            "events_consumed_total", "Records read, before any flow looked at them.", *runner, "topic"
        )
        self.deliveries = self._counter(
            "deliveries_total",
            "Deliveries that ended: each is counted once.",
            *("sink", "flow", "action", "verdict", "reason"),
        )
        self.attempts = self._counter("attempts_total", "Verdicts of tries, ends or not.", "sink", "action", "verdict")
        self.dead_letters = self._counter(
            "dead_letters_total", "Dead letters written by this worker.", "sink", "flow", "reason"
        )
        self.dead_letter_oldest = self._gauge(
            "dead_letter_oldest_seconds", "Age of a sink's oldest open dead letter, looked up every minute.", "sink"
        )
        self.delivery_latency = self._histogram(
            "delivery_latency_seconds", "From occurred_at to a delivery's end.", ("sink", "flow"), _LONG_S
        )
        self.batch_size = self._histogram("batch_size", "Deliveries in a request.", ("sink", "action"), _ITEMS)
        self.in_flight = self._gauge("in_flight", "Deliveries that are being sent.", *runner)
        self.lanes_waiting = self._gauge("lanes_waiting", "Lanes that wait for their next try.", *runner)
        self.budget_tokens = self._gauge(
            "budget_tokens", "Requests that the vendor's windows allow this worker now.", *runner
        )
        self.budget_wait = self._histogram(
            "budget_wait_seconds",
            "Time that a request waited for the vendor's budget, of those that had to.",
            runner,
            _LONG_S,
        )
        self.keys_parked = self._gauge("keys_parked", "Keys that are parked on the retry topic.", *runner)
        self.duplicate_ids = self._gauge(
            "duplicate_ids", "Events that are remembered, so that upstream's duplicates are told.", *runner
        )
        self.route_state = self._gauge(
            "route_state",
            "1 while a route is held; action is empty for the whole sink.",
            *runner,
            "action",
            "cause",
        )
        self.lag_records = self._gauge(
            "lag_records", "Records of a partition that are not settled yet.", *runner, "topic", "partition"
        )
        self.scalable_lag = self._gauge(
            "scalable_lag_records",
            "Records that more replicas would settle sooner: without what is held, throttled or parked.",
            *runner,
        )
        self.lag_seconds = self._gauge("lag_seconds", "Age of the oldest event that is not settled yet.", *runner)
        self.commit_seconds = self._histogram("commit_seconds", "Time until a commit was confirmed.", runner, _SHORT_S)
        self.rebalances = self._counter("rebalances_total", "Times the group gave or took partitions.", *runner)

    def _declare_vendor(self) -> None:
        self.vendor_requests = self._counter(
            "vendor_requests_total",
            "Requests to a vendor, by HTTP status or `none`.",
            "sink",
            "action",
            "status",
        )
        self.vendor_request_seconds = self._histogram(
            "vendor_request_seconds", "Time until a vendor's whole answer.", ("sink", "action"), _SHORT_S
        )
        self.clock_skew = self._gauge(
            "clock_skew_seconds", "How far our clock is ahead of the vendor's Date header.", "sink"
        )

    def _declare_ingest(self) -> None:
        self.ingest_signals = self._counter(
            "ingest_signals_total", "Signals by what became of them.", "source", "outcome"
        )
        self.ingest_ack = self._histogram(
            "ingest_ack_seconds", "Time until Kafka confirmed an event.", ("source",), _SHORT_S
        )
        self.ingest_unknown_types = self._counter(
            "ingest_unknown_types_total",
            "Signals stored as UNKNOWN because we have no word for them.",
            "source",
        )
        self.ingest_substitutes = self._counter(
            "ingest_substitutes_total", "Events that carry a substitute for the customer id.", "source"
        )

    def _declare_pollers(self) -> None:
        feed = ("source", "feed")
        self.poller_active = self._gauge("poller_active", "1 where this worker polls, 0 where it stands by.", "source")
        self.poller_items = self._counter(
            "poller_items_total",
            "Items of committed pages by what became of them: stored, repeated, ignored, invalid, too_large.",
            *feed,
            "outcome",
        )
        self.poller_cursor_age = self._gauge(
            "poller_cursor_age_seconds",
            "How long ago everything that the source showed had been published; of the active poller.",
            *feed,
        )
        self.poller_pauses = self._counter(
            "poller_pauses_total", "Times that a feed could not be asked, by why.", *feed, "cause"
        )
        self.poller_budget_left = self._gauge(
            "poller_budget_left_requests", "Requests that the poller's slice of today still has.", "source"
        )

    def _declare_files(self) -> None:
        self.files = self._counter(
            "files_total", "Dropped files by what became of them: done, with_bad_lines, failed.", "source", "outcome"
        )
        self.files_waiting = self._gauge("files_waiting", "Files in a folder that nobody has claimed.", "source")
        self.files_oldest = self._gauge(
            "files_waiting_oldest_seconds", "Since when the oldest of them has not changed; 0 without one.", "source"
        )

    def _declare_journeys(self) -> None:
        self.journey_outcomes = self._counter(
            "journey_outcomes_total",
            "Steps and starts of journeys by what became of them: fired, late, removed, cancelled, cancel_unknown, "
            "stopped_before, before_deployment, own, no_key, no_customer, unresolved, linked.",
            *("journey", "outcome"),
        )
        self.journey_timers_due = self._gauge(
            "journey_timers_due", "Timers of this worker's partitions that are due and not fired yet; 10000 is more."
        )
        self.journey_timer_oldest_due = self._gauge(
            "journey_timer_oldest_due_seconds", "How long ago the oldest timer that is not fired yet was due."
        )
        self.journey_fresh = self._gauge(
            "journey_fresh_seconds",
            "Age of the moment before which everything is in the customer store, of the partition that is last.",
        )
        self.journey_outbox = self._gauge(
            "journey_outbox_events", "Derived events that are in the customer store and not yet in Kafka."
        )

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(
            f"commfleet_{name}", self._declare(name, "counter", labels, about), labels, registry=self.registry
        )

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"commfleet_{name}", self._declare(name, "gauge", labels, about), labels, registry=self.registry)

    def _histogram(self, name: str, about: str, labels: Sequence[str], bounds: Sequence[float]) -> Histogram:
        self._declare(name, "histogram", labels, about)
        return Histogram(f"commfleet_{name}", about, labels, bounds, self.registry)

    def _declare(self, name: str, kind: str, labels: Iterable[str], about: str) -> str:
        self.declared.append(Declared(f"commfleet_{name}", kind, tuple(labels), about))
        return about


def samples(text: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """The labels and values of one metric in an exposition in the classic text format."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                yield dict(sample.labels), float(sample.value)
