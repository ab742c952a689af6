"""`commfleet offsets accept`, wired."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from common.errors import ConfigurationError
from common.event import PartitionId
from common.kafka.admin import TopicAdmin
from common.kafka.clients import consumer_config, producer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.log_reader import LogReader
from common.kafka.transactions import TransactionalProducer
from topics.catalogue import flow_topics
from workers.letters_command import retry_topics
from workers.settings import Settings
from workers.sinks.accept import Change, Starting, changes, commits, markers
from workers.sinks.commit_map import new_nonce
from workers.sinks.tails import Tails

Start = str | datetime
"""`committed` (nothing is said about missing offsets), `beginning`, `end`, or a time."""

_TRANSACTION_MS = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a sink, by its names on the broker."""

    name: str
    sink: str
    topics: tuple[str, ...]
    retry: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done about a group, and how many of its partitions stay as they are."""

    group: Group
    changes: Sequence[Change]
    kept: int

    @property
    def undecided(self) -> list[PartitionId]:
        """Partitions whose start only an operator can know."""
        return [change.partition for change in self.changes if change.offset is None]


def groups(settings: Settings, sink: str, only: str | None = None) -> list[Group]:
    """The groups of a sink, or one of them. Raises ConfigurationError when there is no such group."""
    found = retry_topics(settings.prefix, sink)
    if only is not None and only not in found:
        raise ConfigurationError(f"sink {sink} has no group {only!r}; it has: {', '.join(found)}")
    return [
        Group(
            f"{settings.prefix}commfleet.{sink}.{name}",
            sink,
            (*(settings.prefix + topic for topic in flow_topics()), retry),
            retry,
        )
        for name, retry in found.items()
        if only in (None, name)
    ]


def partitions(admin: TopicAdmin, group: Group) -> list[PartitionId]:
    """Every partition that a group reads. Raises ConfigurationError when a topic is missing."""
    counts = admin.cluster().counts
    if missing := [topic for topic in group.topics if topic not in counts]:
        raise ConfigurationError(f"missing topics: {', '.join(missing)}; create them: `commfleet topics apply`")
    return [PartitionId(topic, number) for topic in group.topics for number in range(counts[topic])]


@contextmanager
def reading(settings: Settings, group: Group) -> Iterator[GroupConsumer]:
    """A client of a group that does not join it."""
    config = consumer_config(settings.kafka.client(), group_id=group.name)
    with closing(GroupConsumer(config, lambda _: None)) as consumer:
        yield consumer


def plan(settings: Settings, group: Group, start: Start) -> Plan:
    """What accepting would do. Raises ConfigurationError while a member of the group runs."""
    admin = TopicAdmin(settings.kafka.client())
    _refuse_members(admin, group)
    all_ = partitions(admin, group)
    with reading(settings, group) as consumer:
        stored = consumer.committed(all_)
        found = list(changes(stored, admin.bounds(all_), _starting(consumer, start)))
    return Plan(group, found, len(all_) - len(found))


def accept(settings: Settings, planned: Plan) -> None:
    """Carry out a plan: first the start markers that are missing, then the commits.

    Raises ConfigurationError when somebody has started a worker meanwhile, or the plan leaves a start open.
    """
    group = planned.group
    if planned.undecided:
        raise ConfigurationError(f"{len(planned.undecided)} partitions have no offset: say --from where they begin")
    if not planned.changes:
        return
    _refuse_members(TopicAdmin(settings.kafka.client()), group)
    _mark(settings, group, [change for change in planned.changes if change.partition.topic == group.retry])
    with reading(settings, group) as consumer:
        consumer.commit_now(commits(planned.changes, new_nonce()))


def _mark(settings: Settings, group: Group, starting: Sequence[Change]) -> None:
    """Partition numbers whose retry partition gets its first commit here are new no more."""
    if not any(change.was is None for change in starting):
        return
    kafka = settings.kafka.client()
    count = TopicAdmin(kafka).cluster().counts[group.retry]
    missing = markers(group.retry, count, Tails(LogReader(kafka), group.retry, lambda record: record.key).counts())
    if missing:
        name = f"{settings.prefix}redrive-{group.sink}"
        config = producer_config(kafka, transactional_id=name, transaction_timeout_ms=_TRANSACTION_MS)
        with closing(TransactionalProducer(config)) as producer:
            producer.commit(missing)


def _refuse_members(admin: TopicAdmin, group: Group) -> None:
    if members := admin.members(group.name):
        raise ConfigurationError(
            f"{members} members of {group.name} are running: stop the sink's workers first (a worker that was killed "
            "is a member until its session ends, 45 s unless changed)"
        )


def _starting(consumer: GroupConsumer, start: Start) -> Starting:
    def begin(partition: PartitionId) -> int | None:
        return None if start == "committed" else consumer.resolve([partition], start)[partition]

    return begin
