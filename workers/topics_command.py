"""`commfleet topics list|plan|apply`, wired."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.kafka.admin import TopicAdmin
from topics.catalogue import Topic, topics
from topics.plan import Advice, Environment, Step, plan
from workers.access import Grant, commands, grants, principals, workers
from workers.settings import Settings


def topic_plan(settings: Settings) -> list[Step]:
    """What `topics apply` would do; empty where every topic is as its file says.

    Raises BrokerDownError, naming the address that does not answer.
    """
    admin, wanted = TopicAdmin(settings.kafka.client()), tuple(topics().values())
    if admin.cluster().is_embedded:
        return [Advice("the embedded broker makes every topic on first use, always with 4 partitions")]
    return plan(wanted, admin.describe(settings.prefix, wanted), environment(settings))


def apply_topics(settings: Settings, steps: Sequence[Step], on_done: Callable[[Step], None]) -> None:
    """Take the steps of a plan; raises ConfigurationError before anything is done when it has a problem."""
    TopicAdmin(settings.kafka.client()).apply(changes(steps), on_done)


def changes(steps: Sequence[Step]) -> list[Step]:
    """The steps of a plan without its advice: what there is to do, and what stands in the way."""
    return [step for step in steps if not isinstance(step, Advice)]


def environment(settings: Settings) -> Environment:
    """What these settings say about topics."""
    own = settings.topics
    return Environment(settings.prefix, own.replication_factor, own.min_insync_replicas, own.partitions)


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic as it should be, and how many partitions it has where it exists (`actual`)."""

    topic: Topic
    name: str
    partitions: int
    actual: int | None


def topic_rows(settings: Settings) -> list[TopicRow]:
    """Every topic of ours; raises BrokerDownError, naming the address that does not answer."""
    counts, wanted = TopicAdmin(settings.kafka.client()).cluster().counts, environment(settings)
    return [
        TopicRow(topic, settings.prefix + name, wanted.count_of(topic), counts.get(settings.prefix + name))
        for name, topic in topics().items()
    ]


@dataclass(frozen=True, slots=True)
class Access:
    """What one worker must be allowed to do, and the kafka-acls lines that allow it."""

    worker: str
    principal: str
    grants: Sequence[Grant]
    commands: Sequence[str]


def access(settings: Settings, only: Sequence[str] = (), named: Sequence[str] = ()) -> list[Access]:
    """The access of every worker, or of `only` these; `named` are principals as WORKER=PRINCIPAL.

    Raises ConfigurationError naming what there is when one of them is unknown.
    """
    who, prefix = principals(named), settings.prefix
    return [
        Access(worker, who.get(worker, ""), grants(worker, prefix), commands(worker, who.get(worker, ""), prefix))
        for worker in only or workers()
    ]
