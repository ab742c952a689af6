"""`commfleet status` and `commfleet routes`, wired: what workers say of themselves, and what Kafka knows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.errors import WorkerAwayError
from common.event import Commit, PartitionId
from common.kafka.admin import TopicAdmin
from common.metrics import samples
from workers.catalogue import VENDORS
from workers.offsets_command import Group, groups, partitions, reading
from workers.settings import Settings
from workers.sinks.commit_map import ForeignCommitError, read_commit
from workers.worker_client import WorkerClient

JOURNEYS = "journeys.main"
MEMORY = ("fresh_seconds", "timers_due", "timer_oldest_due_seconds", "outbox_events")
"""What a journey worker shows of the customer store, as `status` reads it."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker says; `trouble` alone when it does not answer. Lag by `sink.group`, in records and seconds.

    `memory` has what a journey worker says of the customer store, by metric (without `commfleet_journey_`).
    """

    url: str
    is_ready: bool = False
    checks: Mapping[str, str] | None = None
    holds: Sequence[Mapping[str, Any]] = ()
    lag: Mapping[str, tuple[int, float]] | None = None
    memory: Mapping[str, float] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class TopicLag:
    """How far a group is behind on a topic, by its commits; `unread` partitions have none of ours yet."""

    group: str
    topic: str
    records: int
    unread: int


def client(settings: Settings, url: str) -> WorkerClient:
    """A worker's client with this deployment's token."""
    token = settings.health.token
    return WorkerClient(url, token.get_secret_value() if token else "")


def own_url(settings: Settings) -> str:
    """The health port on this machine."""
    return f"http://127.0.0.1:{settings.health.port}"


def has_broker(settings: Settings) -> bool:
    """Whether anybody said where Kafka is."""
    return "kafka" in settings.model_fields_set


def worker_status(worker: WorkerClient) -> WorkerStatus:
    """What a worker says of itself; one that is away is a status, too."""
    try:
        said, metrics = worker.readiness(), worker.metrics()
    except WorkerAwayError as error:
        return WorkerStatus(worker.url, trouble=str(error))
    lag = _lag(metrics)
    memory = _memory(metrics) if JOURNEYS in lag else {}
    return WorkerStatus(worker.url, said["ready"], said["checks"], said["holds"], lag, memory)


def group_lags(settings: Settings) -> list[TopicLag]:
    """Committed against the ends of the logs, for each configured sink; topics without a lag are left out.

    Raises BrokerDownError when the broker does not answer.
    """
    admin = TopicAdmin(settings.kafka.client())
    sinks = [name for name in VENDORS if getattr(settings.sinks, name) is not None]
    return [lag for sink in sinks for group in groups(settings, sink) for lag in _group_lag(settings, admin, group)]


def _group_lag(settings: Settings, admin: TopicAdmin, group: Group) -> list[TopicLag]:
    all_ = partitions(admin, group)
    with reading(settings, group) as consumer:
        stored = consumer.committed(all_)
    return lags(group.name, stored, admin.bounds(all_))


def lags(
    group: str, stored: Mapping[PartitionId, Commit | None], bounds: Mapping[PartitionId, tuple[int, int]]
) -> list[TopicLag]:
    """By topic: records between commits and ends that the commits do not call done."""
    behind: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for id_, commit in stored.items():
        low, high = bounds[id_]
        behind[id_.topic] += high - low if commit is None else max(0, high - commit.offset - _done(commit))
        unread[id_.topic] += commit is None and high > low
    return [TopicLag(group, topic, count, unread[topic]) for topic, count in behind.items() if count]


def _done(commit: Commit) -> int:
    try:
        return len(read_commit(commit).done)
    except ForeignCommitError:
        return 0


def _lag(metrics: str) -> dict[str, tuple[int, float]]:
    records = _by_group(samples(metrics, "commfleet_lag_records"))
    seconds = _by_group(samples(metrics, "commfleet_lag_seconds"))
    return {name: (int(records.get(name, 0)), seconds.get(name, 0.0)) for name in records | seconds}


def _memory(metrics: str) -> dict[str, float]:
    return {name: sum(value for _, value in samples(metrics, f"commfleet_journey_{name}")) for name in MEMORY}


def _by_group(found: Iterable[tuple[dict[str, str], float]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for labels, value in found:
        total[f"{labels['sink']}.{labels['group']}"] += value
    return total
