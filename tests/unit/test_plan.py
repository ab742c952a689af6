"""The plan from the topics that are there to those that should be."""

from collections.abc import Mapping
from typing import Any

import pytest

from topics.catalogue import topics
from topics.plan import (
    HEADROOM_BYTES,
    ActualTopic,
    AddPartitions,
    Advice,
    ChangeConfig,
    CreateTopic,
    Environment,
    Problem,
    Step,
    plan,
)

PRODUCTION = Environment(prefix="eu.")
BATCH = "comms.batch.v1"
RETRY = "comms.retry.braze.main.v1"


def _as_wanted(**changed: ActualTopic) -> dict[str, ActualTopic]:
    """A cluster exactly as production wants it, with some topics otherwise."""
    return {
        topic.name: ActualTopic(topic.name, topic.partitions, 3, PRODUCTION.config_of(topic))
        for topic in topics().values()
    } | changed


def _batch(partitions: int = 12, replicas: int = 3, *, empty: bool = False, **config: str) -> ActualTopic:
    wanted = PRODUCTION.config_of(topics()[BATCH])
    dotted = {name.replace("_", "."): value for name, value in config.items()}
    return ActualTopic(BATCH, partitions, replicas, wanted | dotted, is_empty=empty)


def _plan(actual: Mapping[str, ActualTopic], environment: Environment = PRODUCTION) -> list[Step]:
    return plan(topics().values(), actual, environment)


def test_a_cluster_as_wanted_needs_nothing() -> None:
    """No step, no note."""
    assert _plan(_as_wanted()) == []


def test_an_empty_cluster_gets_every_topic() -> None:
    """Created with the prefix, the files' counts and configs, and the environment's safety."""
    steps = _plan({})

    assert [step.name for step in steps if isinstance(step, CreateTopic)] == ["eu." + name for name in topics()]
    assert len(steps) == len(topics())
    assert steps[list(topics()).index("comms.consent.v1")] == CreateTopic(
        "eu.comms.consent.v1",
        12,
        3,
        {
            "cleanup.policy": "compact",
            "retention.ms": "-1",
            "max.message.bytes": "1048576",
            "min.compaction.lag.ms": "1209600000",
            "min.insync.replicas": "2",
        },
    )


def test_a_setting_replaces_the_shared_count() -> None:
    """Of flow, receipt and retry topics together; dead letters and cursors keep their own."""
    steps = _plan({}, Environment(partitions=48))

    counts = {step.name: step.partitions for step in steps if isinstance(step, CreateTopic)}
    assert counts[BATCH] == counts[RETRY] == counts["comms.receipt.v1"] == 48
    assert counts["comms.checkpoint.v1"] == 1


def test_drift_is_set_back() -> None:
    """Each config that differs, with both values."""
    steps = _plan(_as_wanted(**{BATCH: _batch(retention_ms="1000")}))

    assert steps == [ChangeConfig("eu." + BATCH, "retention.ms", "1000", "1209600000")]
    assert str(steps[0]) == "set retention.ms of eu.comms.batch.v1: 1000 -> 1209600000"


@pytest.mark.parametrize(
    ("config", "note"),
    [
        ({"retention.ms": "-1"}, "records older than 14 days are deleted by this"),
        ({"retention.ms": "1209600001"}, "records older than 14 days are deleted by this"),
        ({"cleanup.policy": "compact"}, "by this, records older than its retention go"),
    ],
)
def test_what_a_change_deletes_is_said(config: dict[str, str], note: str) -> None:
    """Before anybody agrees to it."""
    actual = ActualTopic(BATCH, 12, 3, PRODUCTION.config_of(topics()[BATCH]) | config)

    change, advice = _plan(_as_wanted(**{BATCH: actual}))

    assert isinstance(change, ChangeConfig)
    assert str(advice) == f"note: eu.{BATCH}: {note}"


def test_configs_that_no_file_names_are_left_alone() -> None:
    """A platform team's own settings stay."""
    assert _plan(_as_wanted(**{BATCH: _batch(segment_ms="1")})) == []


def test_an_empty_topic_may_grow() -> None:
    """Nothing is in it whose order could break."""
    steps = _plan(_as_wanted(**{BATCH: _batch(partitions=4, empty=True)}))

    assert steps == [AddPartitions("eu." + BATCH, 4, 12)]


@pytest.mark.parametrize(("partitions", "empty"), [(4, False), (24, False), (24, True)])
def test_a_count_that_cannot_be_mended_is_a_problem(partitions: int, empty: bool) -> None:
    """Growing a topic with records breaks key order; nothing shrinks one."""
    (problem,) = _plan(_as_wanted(**{BATCH: _batch(partitions=partitions, empty=empty)}))

    assert isinstance(problem, Problem)
    assert f"has {partitions} partitions, its file says 12" in problem.message


def test_too_few_replicas_are_a_problem() -> None:
    """Reassigning is the platform team's tool."""
    (problem,) = _plan(_as_wanted(**{BATCH: _batch(replicas=1)}))

    assert "has 1 replicas, 3 are wanted" in str(problem)


def test_more_replicas_than_asked_for_are_fine() -> None:
    """Nobody is made less safe."""
    assert _plan(_as_wanted(**{BATCH: _batch(replicas=5)})) == []


def test_retry_and_dead_letter_topics_leave_room_for_headers() -> None:
    """The committed files: the largest event and 64 KiB."""
    largest = max(int(topic.config["max.message.bytes"]) for topic in topics().values() if topic.schema)
    copies = [topic for name, topic in topics().items() if name.startswith(("comms.retry.", "comms.dlq."))]

    assert len(copies) == 17
    assert {int(topic.config["max.message.bytes"]) for topic in copies} == {largest + HEADROOM_BYTES}


def _as_made_by_hand(size: int) -> dict[str, ActualTopic]:
    """A cluster whose topics all take records of one size, whatever their files say."""
    return {
        name: ActualTopic(name, topic.partitions, 3, PRODUCTION.config_of(topic) | {"max.message.bytes": str(size)})
        for name, topic in topics().items()
    }


def test_copies_get_room_for_the_largest_event_that_may_be_there() -> None:
    """Where the broker took larger events than the files say, their dead letters must still fit."""
    steps = _plan(_as_wanted(**{BATCH: _batch(max_message_bytes="1500000")}))

    changes = [step for step in steps if isinstance(step, ChangeConfig)]
    assert changes == steps
    assert ChangeConfig("eu." + BATCH, "max.message.bytes", "1500000", "1048576") in changes
    assert {step.wanted for step in changes if "dlq" in step.name or "retry" in step.name} == {str(1500000 + 65536)}
    assert len(changes) == 18


def test_a_missing_copy_is_created_with_that_room() -> None:
    """The same rule where a sink is added later."""
    actual = _as_wanted(**{BATCH: _batch(max_message_bytes="1500000")})
    del actual["comms.dlq.ecm.v1"]

    (created,) = [step for step in _plan(actual) if isinstance(step, CreateTopic)]

    assert created.config["max.message.bytes"] == str(1500000 + 65536)


def test_a_roomier_copy_is_left_alone() -> None:
    """Larger events may still be in the log, although their topic takes no more of them."""
    config = PRODUCTION.config_of(topics()[RETRY]) | {"max.message.bytes": "1900000"}

    assert _plan(_as_wanted(**{RETRY: ActualTopic(RETRY, 12, 3, config)})) == []


def test_topics_made_by_hand_are_mended_in_one_apply() -> None:
    """With the broker's default size on every topic, which is a little more than the files'."""
    steps = _plan(_as_made_by_hand(1048588))

    assert not [step for step in steps if isinstance(step, Problem)]
    assert all(isinstance(step, ChangeConfig) for step in steps)


def test_an_event_too_large_for_any_dead_letter_is_a_problem() -> None:
    """Workers could not send its letter, and its partition would stop."""
    problems: list[Any] = [
        step for step in _plan(_as_wanted(**{BATCH: _batch(max_message_bytes="2090000")})) if isinstance(step, Problem)
    ]

    assert [problem.name for problem in problems] == ["eu." + BATCH]
    assert "lower max.message.bytes" in problems[0].message


def test_one_replica_is_noted() -> None:
    """Works on a laptop; said every time."""
    steps = _plan({}, Environment(replication_factor=1, min_insync_replicas=1))

    assert [str(step) for step in steps if isinstance(step, Advice)] == [
        "note: replication factor 1: a lost broker loses events; use 3 in production"
    ]


def test_one_replica_in_sync_is_noted() -> None:
    """An acknowledged event may be on one broker only."""
    steps = _plan({}, Environment(replication_factor=3, min_insync_replicas=1))

    assert [type(step) for step in steps if not isinstance(step, CreateTopic)] == [Advice]


def test_more_in_sync_than_there_are_is_a_problem() -> None:
    """Nothing could be written."""
    steps = _plan({}, Environment(replication_factor=1, min_insync_replicas=2))

    assert "min.insync.replicas 2 is more than the 1 replicas" in str(steps[-1])
    assert isinstance(steps[-1], Problem)
