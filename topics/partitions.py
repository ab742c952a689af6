"""The check at start-up that topics exist with the partition counts on which order stands. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from topics.catalogue import ONE_COUNT, Topic

EMBEDDED_PARTITIONS = 4
"""Of every topic of the embedded broker, whatever its file says."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a broker has: each topic's partition count, by its full name."""

    counts: Mapping[str, int]
    is_embedded: bool = False


def partition_problems(
    cluster: Cluster, prefix: str, expected: Iterable[Topic], partitions: int | None = None
) -> list[str]:
    """What stands in the way of reading and writing these topics; empty when nothing does.

    `partitions` is the setting `topics.partitions`: the count of flow, receipt and retry topics where it
    differs from their files'. Dead-letter and checkpoint topics may have any count. The embedded broker
    makes topics on first use, so there none is missing.
    """
    listed = list(expected)
    missing = [] if cluster.is_embedded else list(_missing(cluster, prefix, listed))
    there = [topic for topic in listed if topic.kind in ONE_COUNT and cluster.counts.get(prefix + topic.name)]
    counts = {prefix + topic.name: cluster.counts[prefix + topic.name] for topic in there}
    if len(set(counts.values())) > 1:
        return [*missing, _unequal(counts)]
    return [*missing, *_other_than_wanted(cluster, prefix, there, partitions)]


def _missing(cluster: Cluster, prefix: str, expected: Iterable[Topic]) -> Iterator[str]:
    for topic in expected:
        if not cluster.counts.get(prefix + topic.name):
            yield (
                f"topic {prefix}{topic.name} does not exist: create it with `commfleet topics apply`, "
                "or set `prefix` to the one that this broker's topics have, or let this worker see it "
                "(`commfleet topics acls`)"
            )


def _unequal(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{name} has {count}" for name, count in sorted(counts.items()))
    return (
        "flow, receipt and retry topics must have one partition count, or one customer's events are spread "
        f"over several workers and lose their order: {listed}. `commfleet topics plan` shows the way out"
    )


def _other_than_wanted(cluster: Cluster, prefix: str, there: Iterable[Topic], partitions: int | None) -> Iterator[str]:
    for topic in there:
        name, count = prefix + topic.name, cluster.counts[prefix + topic.name]
        wanted, who = _wanted(cluster, topic, partitions)
        if count != wanted:
            yield (
                f"topic {name} has {count} partitions, {who} {wanted}: set `topics.partitions: {count}` "
                "if that is this cluster's count for good, or create the topic anew with the right one"
            )


def _wanted(cluster: Cluster, topic: Topic, partitions: int | None) -> tuple[int, str]:
    if cluster.is_embedded:
        return EMBEDDED_PARTITIONS, "the embedded broker always makes"
    if partitions is not None:
        return partitions, "the setting topics.partitions says"
    return topic.partitions, "its file says"
