"""Topics on a broker: what is there, making what the plan says, and the check at start-up.

The embedded broker makes every topic on first use, with four partitions; it knows neither creation nor
configs (`kafka.md`, "The embedded broker"), so nothing is applied there.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar, assert_never

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its typing exports but the client
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    OffsetSpec,
    ResourceType,
    TopicMetadata,
)
from confluent_kafka.cimpl import NewTopic

from common.errors import BrokerDownError, ConfigurationError
from common.event import PartitionId
from common.kafka.trouble import GRANT, Trouble, is_denied
from topics.catalogue import Topic
from topics.partitions import Cluster, partition_problems
from topics.plan import ActualTopic, AddPartitions, Advice, ChangeConfig, CreateTopic, Problem, Step

_PAUSE_S = 0.05
_EMBEDDED = "mockCluster"  # how librdkafka's in-process broker begins its cluster id

_AWAY = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
    }
)

_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]

_Answer = TypeVar("_Answer")


class TopicAdmin:
    """Administrative requests to one cluster, each bounded by `timeout_s`.

    Every method raises BrokerDownError when the broker does not answer, and ConfigurationError when it
    answers that it will not.
    """

    def __init__(self, kafka: Mapping[str, Any], timeout_s: float = 10.0) -> None:
        self._addresses = kafka.get("bootstrap.servers", "(no bootstrap.servers)")
        self._timeout_s = timeout_s
        self._trouble = Trouble(kafka)
        # its log repeats what we tell in words
        config: dict[str, Any] = {"log_level": 0, **kafka, "error_cb": self._trouble.hear}
        self._client = AdminClient(config)

    def cluster(self) -> Cluster:
        """Every topic's partition count, and whether this is the embedded broker."""
        # asked without names: naming a topic makes the embedded broker create it
        found = self._ask("list topics", lambda: self._client.list_topics(timeout=self._timeout_s))
        counts = {name: len(topic.partitions) for name, topic in found.topics.items()}
        return Cluster(counts, is_embedded=str(found.cluster_id).startswith(_EMBEDDED))

    def touch(self, names: Iterable[str]) -> None:
        """Ask about each topic by its name: the embedded broker makes it then, and a group can subscribe to it."""
        for name in names:
            self._ask(f"make {name}", partial(self._client.list_topics, name, timeout=self._timeout_s))

    def describe(self, prefix: str, wanted: Iterable[Topic]) -> dict[str, ActualTopic]:
        """Those of the wanted topics that exist, by name without the prefix, with their configs."""
        found = self._ask("list topics", lambda: self._client.list_topics(timeout=self._timeout_s)).topics
        there = {topic.name: found[prefix + topic.name] for topic in wanted if prefix + topic.name in found}
        configs = self._configs([prefix + name for name in there])
        ends = self._ends(there.values())
        return {
            name: ActualTopic(
                name,
                partitions=len(topic.partitions),
                replication_factor=min((len(one.replicas) for one in topic.partitions.values()), default=0),
                config=configs[prefix + name],
                is_empty=all(ends[prefix + name, partition] == 0 for partition in topic.partitions),
            )
            for name, topic in there.items()
        }

    def bounds(self, partitions: Iterable[PartitionId]) -> dict[PartitionId, tuple[int, int]]:
        """Each partition's first offset in the log, and the one that the next record will get."""
        asked = [TopicPartition(*id_) for id_ in partitions]
        if not asked:
            return {}
        begins, ends = (
            self._each("list offsets", partial(self._client.list_offsets, dict.fromkeys(asked, spec)))
            for spec in (_EARLIEST, _LATEST)
        )
        return {
            PartitionId(str(place.topic), place.partition): (begins[place].offset, ends[place].offset)
            for place in asked
        }

    def members(self, group: str) -> int | None:
        """How many members a consumer group has; None where the broker cannot tell (the embedded one)."""
        if self.cluster().is_embedded:
            return None
        found = self._each(f"describe group {group}", lambda: self._client.describe_consumer_groups([group]))
        return len(found[group].members)

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete a topic's records below these offsets, by partition."""
        if offsets:
            asked = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
            self._each(f"delete records of {topic}", lambda: self._client.delete_records(asked))

    def apply(self, steps: Iterable[Step], report: Callable[[Step], None]) -> None:
        """Take the steps in order, telling each when it is done; problems and advice are for people.

        A new topic is done when every partition of it has a leader: brokers learn of it a little later.
        Raises ConfigurationError before anything is done when the plan has a problem.
        """
        listed = list(steps)
        problems = [str(step) for step in listed if isinstance(step, Problem)]
        if problems:
            raise ConfigurationError("nothing was applied: " + "; ".join(problems))
        for step in listed:
            self._take(step)
            self._await(step)
            report(step)

    def _take(self, step: Step) -> None:
        match step:
            case CreateTopic(name, partitions, replicas, config):
                new = NewTopic(name, partitions, replicas, config=dict(config))
                self._each(str(step), lambda: self._client.create_topics([new]))
            case AddPartitions(name, _, to):
                more = NewPartitions(name, to)
                self._each(str(step), lambda: self._client.create_partitions([more]))
            case ChangeConfig(name, config, _, wanted):
                resource = _resource(name, {config: wanted})
                self._each(str(step), lambda: self._client.incremental_alter_configs([resource]))
            case Problem() | Advice():
                pass
            case _:
                assert_never(step)

    def _await(self, step: Step) -> None:
        match step:
            case CreateTopic(name, partitions) | AddPartitions(name, _, partitions):
                self._until(str(step), lambda: self._is_led(name, partitions))
            case _:
                pass

    def _is_led(self, name: str, partitions: int) -> bool:
        found = self._client.list_topics(timeout=self._timeout_s).topics.get(name)
        if found is None or len(found.partitions) != partitions:
            return False
        asked = {TopicPartition(name, partition): _LATEST for partition in found.partitions}
        ends = self._client.list_offsets(asked).values()
        return all(end.exception(self._timeout_s) is None for end in ends)

    def _until(self, what: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._timeout_s
        while not self._ask(what, is_so):
            if time.monotonic() > deadline:
                raise self._away(what)
            time.sleep(_PAUSE_S)

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        answers = self._each("describe configs", lambda: self._client.describe_configs(asked))
        return {
            resource.name: {entry.name: str(entry.value) for entry in entries.values()}
            for resource, entries in answers.items()
        }

    def _ends(self, found: Iterable[TopicMetadata]) -> dict[tuple[str, int], int]:
        """Where each partition ends; 0 only where there never was a record."""
        asked = {
            TopicPartition(str(topic.topic), partition): _LATEST for topic in found for partition in topic.partitions
        }
        if not asked:
            return {}
        answers = self._each("list offsets", lambda: self._client.list_offsets(asked))
        return {(place.topic, place.partition): end.offset for place, end in answers.items()}

    def _each(self, what: str, ask: Callable[[], Mapping[Any, Any]]) -> dict[Any, Any]:
        """The results of a request that answers with futures, one for each thing asked about."""
        futures = self._ask(what, ask)
        return {about: self._ask(what, partial(_result, future, self._timeout_s)) for about, future in futures.items()}

    def _ask(self, what: str, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except TimeoutError as error:
            raise self._away(what) from error
        except KafkaException as error:
            reason = error.args[0]
            if reason.retriable() or reason.code() in _AWAY:
                raise self._away(what) from error
            advice = f"; {GRANT}" if is_denied(reason) else ""
            raise ConfigurationError(f"the broker refused to {what}: {reason.str()}{advice}") from error

    def _away(self, what: str) -> BrokerDownError:
        self._client.poll(0)  # the reasons are told there
        reason = self._trouble.words or "check kafka.bootstrap.servers and that the broker runs"
        return BrokerDownError(f"no answer from {self._addresses} in {self._timeout_s:g} s, asked to {what}: {reason}")


def check_partitions(
    admin: TopicAdmin, prefix: str, expected: Iterable[Topic], partitions: int | None = None
) -> list[str]:
    """What stands in the way of using these topics, in sentences; empty when nothing does.

    `partitions` is the setting `topics.partitions`. Raises BrokerDownError when the broker is away.
    """
    wanted = list(expected)
    cluster = admin.cluster()
    if cluster.is_embedded:
        admin.touch(prefix + topic.name for topic in wanted)
    return partition_problems(cluster, prefix, wanted, partitions)


def _result(future: Future[Any], timeout_s: float) -> Any:
    return future.result(timeout_s)


def _resource(name: str, config: Mapping[str, str]) -> ConfigResource:
    changes = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()]
    return ConfigResource(ResourceType.TOPIC, name, incremental_configs=changes)
