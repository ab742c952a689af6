"""The properties that our Kafka clients stand on; a site's own `kafka.*` properties go underneath."""

from collections.abc import Mapping
from typing import Any

_CONSUMER_DEFAULTS: dict[str, Any] = {
    # a few windows of records: what a pause throws away is fetched again, and partitions take turns
    "max.partition.fetch.bytes": 256 * 1024,
}

_CONSUMER: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    # nothing silently begins at the beginning and sends last month again
    "auto.offset.reset": "error",
    # topics with equal partition counts go to the same member, partition by partition
    "partition.assignment.strategy": "range",
    "allow.auto.create.topics": False,
}

_PRODUCER: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    # the Java clients' default; librdkafka's own would put one customer's events into two partitions
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "message.max.bytes": 2 * 1024 * 1024,
}


# librdkafka warns of properties that are for the other kind of client
_FOR_CONSUMERS = (
    "auto.",
    "check.crcs",
    "coordinator.query",
    "enable.auto",
    "fetch.",
    "group.",
    "heartbeat.",
    "isolation.",
    "max.partition",
    "max.poll",
    "partition.assignment",
    "queued.",
    "session.",
)
_FOR_PRODUCERS = (
    "acks",
    "batch.",
    "compression.",
    "delivery.",
    "enable.idempotence",
    "linger.",
    "message.send",
    "message.timeout",
    "partitioner",
    "queue.buffering",
    "request.required",
    "retries",
    "sticky.",
    "transaction",
)


def consumer_config(kafka: Mapping[str, Any], **overrides: Any) -> dict[str, Any]:
    """A group member's properties; `overrides` are named with underscores for dots."""
    return {**_CONSUMER_DEFAULTS, **_without(kafka, _FOR_PRODUCERS), **_CONSUMER, **_dotted(overrides)}


def producer_config(kafka: Mapping[str, Any], **overrides: Any) -> dict[str, Any]:
    """An idempotent producer's properties: acks=all, murmur2 partitioner."""
    return {"linger.ms": 5, **_without(kafka, _FOR_CONSUMERS), **_PRODUCER, **_dotted(overrides)}


def _without(kafka: Mapping[str, Any], foreign: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in kafka.items() if not name.startswith(foreign)}


def _dotted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in overrides.items()}
