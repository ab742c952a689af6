"""The event schemas as one catalogue: topic -> Avro schema -> committed local id.

The files are plain Avro: one `.avsc` per event topic, named after it, and shared types under `shared/`,
referred to by their full name. Here the shared types are inlined, as they are when a schema is registered.

`ids.json` holds the local ids, for workers without a Schema Registry. They start at 2**30, so that they
cannot clash with a registry's, and are never reused: a topic's last id is its current schema. Beside each id
stands the schema's fingerprint, and what it means is kept for ever as `released/<topic>/<id>.avsc`, shared
types inlined. `python -m schemas.release` gives a changed schema its id and its file.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.fields import fields

Schema = dict[str, Any]

FIRST_LOCAL_ID = 2**30
"""Local ids start here; a registry counts from 1."""

_HERE = Path(__file__).parent
_SILENT = frozenset({"doc", "pii"})  # say nothing about the bytes


@dataclass(frozen=True, slots=True)
class Version:
    """One committed local id of a topic's schema."""

    id: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every event schema, and every committed id with the schema that it means."""

    schemas: Mapping[str, Schema]
    versions: Mapping[str, tuple[Version, ...]]
    released: Mapping[int, tuple[str, Schema]]

    @property
    def topics(self) -> tuple[str, ...]:
        """The logical names of the event topics."""
        return tuple(self.schemas)

    def schema(self, topic: str) -> Schema:
        """The whole Avro schema of a topic; raises KeyError for a topic without events."""
        return self.schemas[topic]

    def id_of(self, topic: str) -> int:
        """The local id of the topic's current schema."""
        return self.versions[topic][-1].id

    def by_id(self, schema_id: int) -> tuple[str, Schema] | None:
        """Topic and schema of a committed local id, current or earlier; None for anybody else's id."""
        return self.released.get(schema_id)

    def pii_paths(self, topic: str) -> frozenset[str]:
        """Dotted paths of the fields that hold personal data; a map or array stands for all it holds."""
        return frozenset(field.path for field in fields(self.schemas[topic]) if field.pii)

    def problems(self) -> list[str]:
        """What is wrong with the ids: an id that means another schema now, or that two topics share."""
        return [*self._changed(), *self._reused()]

    def changed(self) -> list[str]:
        """The topics whose schema is not the one of their last id."""
        return [
            topic
            for topic, schema in self.schemas.items()
            if self.versions[topic][-1].fingerprint != fingerprint(schema)
        ]

    def next_id(self) -> int:
        """An id that was never used."""
        return max(version.id for versions in self.versions.values() for version in versions) + 1

    def _changed(self) -> Iterator[str]:
        for topic in self.changed():
            yield (
                f"{topic}.avsc is not the schema of id {self.id_of(topic)}: "
                "`python -m schemas.release` gives it an id of its own"
            )

    def _reused(self) -> Iterator[str]:
        owner: dict[int, str] = {}
        for topic, versions in self.versions.items():
            for version in versions:
                if version.id < FIRST_LOCAL_ID:
                    yield f"id {version.id} of {topic} is below {FIRST_LOCAL_ID}, where a registry's ids are"
                if version.id in owner:
                    yield f"id {version.id} of {topic} is already {owner[version.id]}'s: ids are never reused"
                owner[version.id] = topic


@cache
def catalogue() -> Catalogue:
    """The committed catalogue, read once."""
    return load(_HERE)


def load(folder: Path) -> Catalogue:
    """Read a folder of schemas; raises FileNotFoundError, KeyError or ValueError when it is not whole."""
    shared = {_full_name(schema): schema for schema in map(_read, sorted((folder / "shared").glob("*.avsc")))}
    ids = json.loads((folder / "ids.json").read_text("utf-8"))
    schemas = {topic: inline(_read(folder / f"{topic}.avsc"), shared) for topic in ids}
    orphans = {path.stem for path in folder.glob("*.avsc")} - schemas.keys()
    if orphans:
        raise KeyError(f"ids.json has no id for {', '.join(sorted(orphans))}")
    versions = {topic: tuple(Version(**version) for version in listed) for topic, listed in ids.items()}
    return Catalogue(schemas, versions, _released(folder, schemas, versions))


def _released(
    folder: Path, schemas: Mapping[str, Schema], versions: Mapping[str, tuple[Version, ...]]
) -> dict[int, tuple[str, Schema]]:
    known: dict[int, tuple[str, Schema]] = {}
    for topic, (*earlier, current) in versions.items():
        for version in earlier:
            known[version.id] = topic, _read(released_file(folder, topic, version.id))
        known[current.id] = topic, schemas[topic]
    return known


def released_file(folder: Path, topic: str, schema_id: int) -> Path:
    """Where the schema of an id is kept."""
    return folder / "released" / topic / f"{schema_id}.avsc"


def _read(path: Path) -> Schema:
    try:
        schema: Schema = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from error
    return schema


def _full_name(schema: Schema) -> str:
    return f"{schema['namespace']}.{schema['name']}"


def inline(schema: Schema, shared: Mapping[str, Schema]) -> Schema:
    """The schema with each shared type written out where it is first named.

    A name without a namespace is one of the namespace around it (Avro specification, "Names").
    """
    written: set[str] = set()

    def walk(node: Any, namespace: str) -> Any:
        if isinstance(node, str):
            return named(node if "." in node or not namespace else f"{namespace}.{node}", node)
        if isinstance(node, list):
            return [walk(branch, namespace) for branch in node]
        if isinstance(node, dict):
            own = node.get("namespace", namespace)
            return {key: part_of(key, part, own) for key, part in node.items()}
        return node

    def named(full: str, name: str) -> Any:
        if full not in shared or full in written:
            return name
        written.add(full)
        return walk(shared[full], "")

    def part_of(key: str, part: Any, namespace: str) -> Any:
        match key:
            case "type" | "items" | "values":
                return walk(part, namespace)
            case "fields":
                return [{**field, "type": walk(field["type"], namespace)} for field in part]
            case _:
                return part

    inlined: Schema = walk(schema, "")
    return inlined


def fingerprint(schema: Schema) -> str:
    """Equal for schemas that read and write the same: docs and tags do not count, defaults do."""
    canonical = json.dumps(_without_silent(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _without_silent(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_silent(part) for key, part in node.items() if key not in _SILENT}
    if isinstance(node, list):
        return [_without_silent(part) for part in node]
    return node
