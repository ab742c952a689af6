"""The check at start-up: topics are there, with the counts on which order stands."""

from topics.catalogue import ONE_COUNT, topics
from topics.partitions import Cluster, partition_problems

BRAZE = [topics()[name] for name in ("comms.workspace.v1", "comms.retry.braze.main.v1", "comms.dlq.braze.v1")]


def _counts(prefix: str = "", shared: int = 12, **other: int) -> dict[str, int]:
    counts = {
        prefix + topic.name: shared if topic.kind in ONE_COUNT else topic.partitions for topic in topics().values()
    }
    return counts | {prefix + name.replace("_", "."): count for name, count in other.items()}


def test_topics_as_their_files_say_are_fine() -> None:
    """With their prefix; other topics of the broker do not matter."""
    assert partition_problems(Cluster(_counts("eu.") | {"other": 3}), "eu.", BRAZE) == []


def test_another_count_names_topic_and_both_counts() -> None:
    """And the way out."""
    (problem, _) = partition_problems(Cluster(_counts(shared=4)), "", BRAZE)

    assert problem.startswith("topic comms.workspace.v1 has 4 partitions, its file says 12: set `topics.partitions: 4`")


def test_a_setting_replaces_the_files_count() -> None:
    """A cluster of 48 is right where the setting says 48, and wrong where it says 24."""
    cluster = Cluster(_counts(shared=48))

    assert partition_problems(cluster, "", BRAZE, partitions=48) == []
    (problem, _) = partition_problems(cluster, "", BRAZE, partitions=24)
    assert "has 48 partitions, the setting topics.partitions says 24" in problem


def test_unequal_counts_are_one_problem() -> None:
    """All of them are listed: which one is wrong is for a person."""
    (problem,) = partition_problems(Cluster(_counts(comms_workspace_v1=6)), "", BRAZE)

    assert "must have one partition count" in problem
    assert "comms.retry.braze.main.v1 has 12, comms.workspace.v1 has 6" in problem


def test_dead_letter_topics_may_have_any_count() -> None:
    """Letters are addressed by partition and offset."""
    assert partition_problems(Cluster(_counts(comms_dlq_braze_v1=3)), "", BRAZE) == []


def test_a_missing_topic_says_how_to_make_it() -> None:
    """Each one, with the prefix that was looked for."""
    problems = partition_problems(Cluster({}), "eu.", BRAZE)

    assert len(problems) == 3
    assert problems[0].startswith("topic eu.comms.workspace.v1 does not exist: create it with `commfleet topics apply`")


def test_four_is_right_for_every_topic_of_the_embedded_broker() -> None:
    """It makes topics on first use, so none is missing there."""
    assert partition_problems(Cluster({"comms.workspace.v1": 4}, is_embedded=True), "", BRAZE) == []
    assert partition_problems(Cluster({"comms.workspace.v1": 4}, is_embedded=True), "", BRAZE, partitions=48) == []
