"""The topic files: what each topic is for, how it is kept, and the key its records must carry.

A key is made of an event's fields, UTF-8 encoded, in one of four ways:

`first: [a, b]`    the first of these fields that is present; no key at all when none is
`joined: [a, b]`   all of them, escaped, joined by "|"; no key at all when the first is absent
`carried`          the key of the record that it holds or belongs to; not to be told from the value
`cursor`           the name of an ingest cursor; not to be told from the value
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import ConfigurationError
from common.yaml import Document, read
from topics.keys import KeyOf, LaneOf, first_part, first_present, joined, whole

_HERE = Path(__file__).parent


class Kind(StrEnum):
    """What a topic holds."""

    FLOW = "flow"
    RECEIPT = "receipt"
    RETRY = "retry"
    DEAD_LETTER = "dead_letter"
    CHECKPOINT = "checkpoint"


ONE_COUNT = frozenset({Kind.FLOW, Kind.RECEIPT, Kind.RETRY})
"""Topics of these kinds share one partition count, so that a customer is always in one worker's hands."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _First(_Model):
    """The first of these fields that is present."""

    first: tuple[str, ...] = Field(min_length=1)


class _Joined(_Model):
    """These fields, escaped and joined."""

    joined: tuple[str, ...] = Field(min_length=2)


class _LanePart(_Model):
    """The lane key is one part of a joined key, as it was before it was escaped."""

    part: Literal[0]


class _File(_Model):
    """A topic file, as written."""

    name: str
    kind: Kind
    owner: str
    description: str
    key: _First | _Joined | Literal["carried", "cursor"]
    lane_key: _LanePart | None = None
    # `schema` is a name that pydantic keeps for itself
    avro: str | None = Field(default=None, alias="schema")
    tombstones: bool = False
    partitions: int = Field(ge=1)
    retention_ms: int = Field(ge=-1)
    cleanup_policy: Literal["delete", "compact"]
    config: dict[str, str | int] = {}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, as its file prescribes it.

    `retention_ms` is -1 for ever. `config` holds further broker configs. `schema` is the event topic whose
    Avro schema the values have; None for topics that carry other topics' records.
    """

    name: str
    kind: Kind
    owner: str
    description: str
    schema: str | None
    key: str
    lane_key: str
    tombstones: bool
    partitions: int
    retention_ms: int
    cleanup_policy: str
    config: Mapping[str, str]
    key_of: KeyOf = field(repr=False, compare=False)
    lane_of: LaneOf = field(repr=False, compare=False)
    prescribes_key: bool = True

    def broker_config(self) -> dict[str, str]:
        """Every config that the broker should hold for this topic."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "retention.ms": str(self.retention_ms),
            **self.config,
        }


@cache
def topics() -> Mapping[str, Topic]:
    """Every topic by its logical name, read once; raises ConfigurationError when a file is wrong."""
    return load(_HERE)


def flow_topics() -> tuple[str, ...]:
    """The topics that flows may name in `on`."""
    return tuple(name for name, topic in topics().items() if topic.kind is Kind.FLOW)


def retry_topic(sink: str, group: str) -> str:
    """The retry topic of a sink's group."""
    return f"comms.retry.{sink}.{group}.v1"


def dead_letter_topic(sink: str) -> str:
    """The dead-letter topic of a sink (or of `ingest`, or `journeys`)."""
    return f"comms.dlq.{sink}.v1"


def load(folder: Path) -> Mapping[str, Topic]:
    """Read a folder of topic files and check that they fit together."""
    found = [_topic(read(path)) for path in sorted(folder.glob("*.yaml"))]
    _refuse_unequal_counts(found)
    return MappingProxyType({topic.name: topic for topic in found})


def _refuse_unequal_counts(found: Iterable[Topic]) -> None:
    counts = {topic.name: topic.partitions for topic in found if topic.kind in ONE_COUNT}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ConfigurationError(f"flow, receipt and retry topics must share one partition count: {listed}")


def _topic(document: Document) -> Topic:
    file = _validated(document)
    if Path(document.file).stem != file.name:
        raise document.error(f"a topic file is named after its topic: {file.name}.yaml", "name")
    if file.lane_key and not isinstance(file.key, _Joined):
        raise document.error("lane_key takes a part of a joined key; this key is not joined", "lane_key")
    return Topic(
        name=file.name,
        kind=file.kind,
        owner=file.owner,
        description=file.description,
        schema=file.avro,
        key=_described(file.key),
        lane_key="its first part" if file.lane_key else "the key",
        tombstones=file.tombstones,
        partitions=file.partitions,
        retention_ms=file.retention_ms,
        cleanup_policy=file.cleanup_policy,
        config={name: str(value) for name, value in file.config.items()},
        key_of=_key_of(file.name, file.key),
        lane_of=first_part if file.lane_key else whole,
        prescribes_key=not isinstance(file.key, str),
    )


def _validated(document: Document) -> _File:
    try:
        return _File.model_validate(document.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [step for step in first["loc"] if not str(step).startswith("_")]
        where = ".".join(map(str, path)) or "the file"
        raise document.error(f"{where}: {first['msg']}", *path) from error


def _described(key: _First | _Joined | str) -> str:
    """The key's rule in words, for people."""
    match key:
        case _First(first=paths):
            return " else ".join(paths)
        case _Joined(joined=paths):
            return " + ".join(paths)
        case str():
            return key
        case _:
            assert_never(key)


def _key_of(name: str, key: _First | _Joined | str) -> KeyOf:
    match key:
        case _First(first=paths):
            return first_present(paths)
        case _Joined(joined=paths):
            return joined(paths)
        case str():
            return lambda _: _no_rule(name)
        case _:
            assert_never(key)


def _no_rule(name: str) -> bytes:
    raise ConfigurationError(f"{name} prescribes no key: its records carry another record's")
