"""Topics on a real Apache Kafka: planned, created, described, mended."""

from confluent_kafka import Producer

from common.kafka.admin import TopicAdmin, check_partitions
from tests.support.fixtures import Kafka
from topics.catalogue import Topic, topics
from topics.plan import AddPartitions, ChangeConfig, CreateTopic, Environment, Problem, Step, plan

WANTED = [
    topics()[name] for name in ("comms.batch.v1", "comms.consent.v1", "comms.dlq.braze.v1", "comms.checkpoint.v1")
]


def _environment(prefix: str, partitions: int | None = None) -> Environment:
    return Environment(prefix, replication_factor=1, min_insync_replicas=1, partitions=partitions)


def _steps(admin: TopicAdmin, wanted: list[Topic], environment: Environment) -> list[Step]:
    steps = plan(wanted, admin.describe(environment.prefix, wanted), environment)
    return [step for step in steps if isinstance(step, CreateTopic | AddPartitions | ChangeConfig | Problem)]


def _admin(kafka: Kafka) -> TopicAdmin:
    return TopicAdmin({"bootstrap.servers": kafka.bootstrap})


def test_topics_are_created_as_planned(kafka: Kafka, prefix: str) -> None:
    """After an apply, the plan is empty and the check at start-up has nothing to say."""
    admin, environment, done = _admin(kafka), _environment(prefix), list[Step]()
    before = check_partitions(admin, prefix, WANTED)

    admin.apply(_steps(admin, WANTED, environment), done.append)

    assert len(before) == len(done) == len(WANTED)
    assert _steps(admin, WANTED, environment) == []
    assert check_partitions(admin, prefix, WANTED) == []
    assert not admin.cluster().is_embedded


def test_drifted_configs_are_set_back(kafka: Kafka, prefix: str) -> None:
    """Configs that somebody changed by hand."""
    admin, environment = _admin(kafka), _environment(prefix)
    admin.apply(_steps(admin, WANTED, environment), lambda _: None)
    by_hand = ChangeConfig(prefix + "comms.batch.v1", "retention.ms", "1209600000", "1000")
    admin.apply([by_hand], lambda _: None)

    drift = _steps(admin, WANTED, environment)
    admin.apply(drift, lambda _: None)

    assert drift == [ChangeConfig(prefix + "comms.batch.v1", "retention.ms", "1000", "1209600000")]
    assert _steps(admin, WANTED, environment) == []


def test_only_a_topic_that_never_held_a_record_grows(kafka: Kafka, prefix: str) -> None:
    """An empty topic gets its partitions; one with a record is a problem, and nothing at all is applied."""
    admin, few, more = _admin(kafka), _environment(prefix, 2), _environment(prefix, 3)
    admin.apply(_steps(admin, WANTED, few), lambda _: None)
    with Producer({"bootstrap.servers": kafka.bootstrap}) as producer:
        producer.produce(prefix + "comms.batch.v1", b"1")
        producer.flush(30)

    steps = _steps(admin, WANTED, more)

    assert [step.name for step in steps if isinstance(step, AddPartitions)] == [prefix + "comms.consent.v1"]
    assert [step.name for step in steps if isinstance(step, Problem)] == [prefix + "comms.batch.v1"]
    assert len(steps) == 2
    admin.apply([step for step in steps if isinstance(step, AddPartitions)], lambda _: None)
    assert admin.cluster().counts[prefix + "comms.consent.v1"] == 3
