"""Wanted topics beside actual ones: what to create, what to change, what nobody should touch. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from topics.catalogue import ONE_COUNT, Kind, Topic

HEADROOM_BYTES = 64 * 1024
"""How much larger than an event's record its retry or dead-letter record may be: its headers."""

PRODUCER_BYTES = 2 * 1024 * 1024
"""The largest request of our own producers (`message.max.bytes`): no dead letter can be larger."""

_SIZE = "max.message.bytes"
_BROKER_SIZE = 1048588  # Apache Kafka's default of max.message.bytes
_DAY_MS = 24 * 60 * 60 * 1000
_KEPT = {"compact": "only the latest record of each key is kept", "delete": "records older than its retention go"}
_COPIES = frozenset({Kind.RETRY, Kind.DEAD_LETTER})


@dataclass(frozen=True, slots=True)
class Environment:
    """What differs between clusters: the prefix of all names, safety, and the shared partition count.

    `partitions` replaces the files' count of flow, receipt and retry topics; None keeps it.
    """

    prefix: str = ""
    replication_factor: int = 3
    min_insync_replicas: int = 2
    partitions: int | None = None

    def count_of(self, topic: Topic) -> int:
        """How many partitions the topic should have here."""
        return self.partitions if self.partitions and topic.kind in ONE_COUNT else topic.partitions

    def config_of(self, topic: Topic) -> dict[str, str]:
        """Every config the topic should have here."""
        return {**topic.broker_config(), "min.insync.replicas": str(self.min_insync_replicas)}


@dataclass(frozen=True, slots=True)
class ActualTopic:
    """A topic as the broker has it, its name without the prefix.

    `config` may be partial: configs that it does not list are not compared. `is_empty` says that it surely
    holds no record.
    """

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """Make a topic that is not there; `name` has the prefix."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]

    def __str__(self) -> str:
        return f"create {self.name}: {self.partitions} partitions, {self.replication_factor} replicas"


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """Give an empty topic the partitions it lacks; `to` is the new count."""

    name: str
    actual: int
    to: int

    def __str__(self) -> str:
        return f"add partitions to {self.name}: {self.actual} -> {self.to} (it is empty)"


@dataclass(frozen=True, slots=True)
class ChangeConfig:
    """Set one config that has drifted from its file."""

    name: str
    config: str
    actual: str
    wanted: str

    def __str__(self) -> str:
        return f"set {self.config} of {self.name}: {self.actual} -> {self.wanted}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be mended by a step, and what a person should do."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"problem with {self.name}: {self.message}"


@dataclass(frozen=True, slots=True)
class Advice:
    """What works but should not stay so in production."""

    message: str

    def __str__(self) -> str:
        return f"note: {self.message}"


Step = CreateTopic | AddPartitions | ChangeConfig | Problem | Advice


def plan(wanted: Iterable[Topic], actual: Mapping[str, ActualTopic], environment: Environment) -> list[Step]:
    """The steps from the actual topics to the wanted ones; `actual` is keyed by name without the prefix.

    Topics that no file describes are not mentioned. A plan without steps is a cluster as it should be.
    """
    steps: list[Step] = []
    listed = list(wanted)
    room = _room(listed, actual)
    for topic in listed:
        existing = actual.get(topic.name)
        config = _config(topic, environment, room)
        steps += (
            [_create(topic, environment, config)] if existing is None else _mend(topic, existing, environment, config)
        )
    return [*steps, *_too_large(listed, actual, environment), *_unsafe(environment)]


def _config(topic: Topic, environment: Environment, room: int) -> dict[str, str]:
    """Every config the topic should have; retry and dead-letter topics take the largest event and its headers."""
    config = environment.config_of(topic)
    if topic.kind in _COPIES:
        config[_SIZE] = str(max(int(config.get(_SIZE, _BROKER_SIZE)), room))
    return config


def _create(topic: Topic, environment: Environment, config: Mapping[str, str]) -> CreateTopic:
    return CreateTopic(
        environment.prefix + topic.name, environment.count_of(topic), environment.replication_factor, config
    )


def _mend(topic: Topic, actual: ActualTopic, environment: Environment, wanted: Mapping[str, str]) -> Iterator[Step]:
    name = environment.prefix + topic.name
    yield from _mend_partitions(name, actual, environment.count_of(topic))
    if actual.replication_factor < environment.replication_factor:
        yield Problem(
            name,
            f"has {actual.replication_factor} replicas, {environment.replication_factor} are wanted: "
            "reassign its partitions with kafka-reassign-partitions",
        )
    for config, value in wanted.items():
        found = actual.config.get(config)
        if found is not None and found != value and not _is_roomier(topic, config, found, value):
            yield ChangeConfig(name, config, found, value)
            yield from _losses(name, config, found, value)


def _losses(name: str, config: str, found: str, wanted: str) -> Iterator[Advice]:
    """What a change deletes that is in the topic now: said before it is done."""
    if config == "retention.ms" and int(wanted) >= 0 and (int(found) < 0 or int(wanted) < int(found)):
        yield Advice(f"{name}: records older than {int(wanted) / _DAY_MS:g} days are deleted by this")
    if config == "cleanup.policy":
        yield Advice(f"{name}: by this, {_KEPT.get(wanted, 'other records are kept')}")


def _is_roomier(topic: Topic, config: str, found: str, wanted: str) -> bool:
    """Letters of larger events may still have to be written: their topics are never made smaller."""
    return topic.kind in _COPIES and config == _SIZE and int(found) >= int(wanted)


def _mend_partitions(name: str, actual: ActualTopic, count: int) -> Iterator[Step]:
    if actual.partitions == count:
        return
    if actual.partitions < count and actual.is_empty:
        yield AddPartitions(name, actual.partitions, count)
        return
    yield Problem(
        name,
        f"has {actual.partitions} partitions, its file says {count}: changing the count of a topic with "
        f"records moves keys to other partitions and breaks their order. Set topics.partitions to "
        f"{actual.partitions} if every topic has that many, or drain it, delete it and apply again",
    )


def _room(wanted: Iterable[Topic], actual: Mapping[str, ActualTopic]) -> int:
    """What retry and dead-letter topics must take: the largest event that is or will be in the log, and headers."""
    return max((_largest(topic, actual) for topic in wanted if topic.kind is Kind.FLOW), default=0) + HEADROOM_BYTES


def _too_large(
    wanted: Iterable[Topic], actual: Mapping[str, ActualTopic], environment: Environment
) -> Iterator[Problem]:
    """An event whose dead letter could not be sent would stop its partition."""
    for topic in wanted:
        size = _largest(topic, actual)
        if topic.kind is Kind.FLOW and size + HEADROOM_BYTES > PRODUCER_BYTES:
            yield Problem(
                environment.prefix + topic.name,
                f"takes records of {size} bytes; with {HEADROOM_BYTES} bytes of headers their dead letters would "
                f"be larger than the {PRODUCER_BYTES} bytes that workers send: lower {_SIZE} on the topic",
            )


def _largest(topic: Topic, actual: Mapping[str, ActualTopic]) -> int:
    """The larger of what the file says and what the broker takes now: such records may be in the log."""
    sizes = [int(topic.config.get(_SIZE, _BROKER_SIZE))]
    if topic.name in actual and _SIZE in actual[topic.name].config:
        sizes.append(int(actual[topic.name].config[_SIZE]))
    return max(sizes)


def _unsafe(environment: Environment) -> Iterator[Problem | Advice]:
    replicas, in_sync = environment.replication_factor, environment.min_insync_replicas
    if in_sync > replicas:
        message = f"min.insync.replicas {in_sync} is more than the {replicas} replicas: nothing could be written"
        yield Problem("every topic", message)
    elif replicas < 2:
        yield Advice("replication factor 1: a lost broker loses events; use 3 in production")
    elif in_sync < 2:
        yield Advice("min.insync.replicas 1: an acknowledged event may be on one broker only; use 2")
