"""Metrics: names and labels are an interface, and a batch costs one increment for each label set."""

from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from common.meters import IngestMeter, SinkMeter, VendorMeter
from common.metrics import Metrics
from workers.ingest.hooks import IngestHook, SignalOutcome
from workers.sinks.meter import Meter


@pytest.fixture
def metrics() -> Metrics:
    """Metrics with a registry of their own."""
    return Metrics("1.2.3")


def read(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A sample as Prometheus would read it, None where there is none."""
    samples = (sample for family in families(metrics) for sample in family.samples if sample.name == name)
    return next((sample.value for sample in samples if labels.items() <= sample.labels.items()), None)


def families(metrics: Metrics) -> list[Metric]:
    """Everything on the page, parsed."""
    _, page = metrics.render("")
    return list(text_string_to_metric_families(page.decode()))


@dataclass(frozen=True)
class Held:
    """A held route."""

    action: str
    cause: str


def test_ended_deliveries_are_counted_once_each(metrics: Metrics) -> None:
    """One call for all deliveries of a batch that ended alike."""
    SinkMeter(metrics, "braze", "main").ended("B1", "track_event", "delivered", "", [0.2, 0.3, 700.0])

    labels = {"sink": "braze", "flow": "B1", "action": "track_event", "verdict": "delivered", "reason": ""}
    assert read(metrics, "commfleet_deliveries_total", **labels) == 3
    assert read(metrics, "commfleet_delivery_latency_seconds_count", flow="B1") == 3
    assert read(metrics, "commfleet_delivery_latency_seconds_bucket", flow="B1", le="0.25") == 1
    assert read(metrics, "commfleet_delivery_latency_seconds_bucket", flow="B1", le="600.0") is None
    assert read(metrics, "commfleet_delivery_latency_seconds_sum", flow="B1") == pytest.approx(700.5)
    assert read(metrics, "commfleet_dead_letters_total", flow="B1") is None


def test_a_rejected_delivery_is_a_dead_letter(metrics: Metrics) -> None:
    """With its reason, which is a closed set."""
    SinkMeter(metrics, "braze", "main").ended("B1", "track_event", "rejected", "invalid_field", [1.0, 1.0])

    assert read(metrics, "commfleet_dead_letters_total", sink="braze", flow="B1", reason="invalid_field") == 2


def test_an_observation_on_a_bound_is_below_it(metrics: Metrics) -> None:
    """As Prometheus defines `le`."""
    metrics.commit_seconds.observe(("braze", "main"), [0.005])

    assert read(metrics, "commfleet_commit_seconds_bucket", le="0.0025") == 0
    assert read(metrics, "commfleet_commit_seconds_bucket", le="0.005") == 1
    assert read(metrics, "commfleet_commit_seconds_bucket", le="+Inf") == 1


def test_a_vendor_without_limits_has_no_tokens(metrics: Metrics) -> None:
    """A series that says 0 would look like a limit that is used up."""
    meter = SinkMeter(metrics, "braze", "main")

    meter.budget_left(None)
    assert read(metrics, "commfleet_budget_tokens", sink="braze", group="main") is None
    meter.budget_left(7)
    assert read(metrics, "commfleet_budget_tokens", sink="braze", group="main") == 7


def test_a_route_that_opens_again_shows_zero(metrics: Metrics) -> None:
    """A series that vanished would keep its alert firing until it is stale."""
    meter = SinkMeter(metrics, "braze", "main")

    meter.holds([Held("", "vendor_down"), Held("track_event", "throttled")])
    meter.holds([Held("track_event", "throttled")])

    assert read(metrics, "commfleet_route_state", group="main", action="", cause="vendor_down") == 0
    assert read(metrics, "commfleet_route_state", group="main", action="track_event", cause="throttled") == 1


def test_the_lag_of_a_lost_partition_is_not_ours_to_tell(metrics: Metrics) -> None:
    """Two workers telling the lag of one partition would double it."""
    meter = SinkMeter(metrics, "braze", "main")
    meter.lag("comms.workspace.v1", 3, 17)

    meter.unassigned("comms.workspace.v1", 3)
    meter.unassigned("comms.workspace.v1", 4)

    assert read(metrics, "commfleet_lag_records") is None


def test_a_vendor_cannot_make_label_values_up(metrics: Metrics) -> None:
    """A status that HTTP does not know is `other`; no answer is `none`."""
    meter = VendorMeter(metrics, "braze")

    for status in (201, 799, None):
        meter.requested("track_event", status, 0.1)

    statuses = {
        sample.labels["status"]
        for family in families(metrics)
        for sample in family.samples
        if sample.name == "commfleet_vendor_requests_total"
    }
    assert statuses == {"201", "other", "none"}


def test_the_meters_are_what_the_paths_call(metrics: Metrics) -> None:
    """mypy holds the signatures; here they are called as the paths do."""
    sink: Meter = SinkMeter(metrics, "braze", "main")
    ingest: IngestHook = IngestMeter(metrics)

    sink.consumed("comms.workspace.v1", 500)
    sink.batched("track_event", 75)
    sink.attempted("track_event", "deferred", 4)
    sink.load(in_flight=8, lanes_waiting=2)
    sink.rebalanced()
    sink.committed(0.007)
    ingest.signal("exstream", SignalOutcome.STORED)
    ingest.acknowledged("exstream", 0.01)

    assert read(metrics, "commfleet_events_consumed_total", topic="comms.workspace.v1") == 500
    assert read(metrics, "commfleet_batch_size_sum", action="track_event") == 75
    assert read(metrics, "commfleet_attempts_total", verdict="deferred") == 4
    assert read(metrics, "commfleet_in_flight", group="main") == 8
    assert read(metrics, "commfleet_ingest_signals_total", source="exstream", outcome="stored") == 1
    assert read(metrics, "commfleet_ingest_ack_seconds_count", source="exstream") == 1


def test_the_build_and_the_process_are_on_the_page(metrics: Metrics) -> None:
    """Which version runs, and what it costs."""
    assert read(metrics, "commfleet_build_info", version="1.2.3") == 1
    assert read(metrics, "process_cpu_seconds_total") is not None


def test_every_metric_says_what_it_is_and_has_our_prefix(metrics: Metrics) -> None:
    """A sentence each, base units only."""
    ours = [family for family in metrics.registry.collect() if not family.name.startswith(("process", "python"))]

    assert len(ours) > 20
    assert [family.name for family in ours if not family.name.startswith("commfleet_")] == []
    assert [family.name for family in ours if not family.documentation.endswith(".")] == []


def test_two_of_a_kind_need_two_registries() -> None:
    """A registry may be given; one name stands in it once."""
    registry = CollectorRegistry(auto_describe=True)
    Metrics("1", registry)

    with pytest.raises(ValueError, match="Duplicated"):
        Metrics("1", registry)


def test_openmetrics_for_who_asks(metrics: Metrics) -> None:
    """Prometheus negotiates the format."""
    content_type, page = metrics.render("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert page.endswith(b"# EOF\n")
