"""An event as it travels through a worker: the decoded Avro record and where it stands in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.light import light

Headers = tuple[tuple[str, bytes | None], ...]


class Position(NamedTuple):
    """Where a record stands in Kafka; `topic` is the name on the broker, prefix included."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@light
class Event:
    """One decoded record of an event topic.

    `topic` is the logical name (`comms.workspace.v1`), `value` the record as fastavro reads it:
    enums as str, timestamp-micros as aware datetimes, nested records as dicts.
    """

    topic: str
    key: bytes | None
    value: Mapping[str, Any]


class PartitionId(NamedTuple):
    """One partition of one topic on the broker (prefix included)."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


class Commit(NamedTuple):
    """A committed offset and the metadata that the group's coordinator keeps with it."""

    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class OutRecord:
    """A record to be produced; without a partition the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None
