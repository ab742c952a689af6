"""The examples: `examples/<topic>/<SYMBOL>[-variant].json`, one at least for every type of every event."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from schemas.catalogue import Catalogue
from schemas.fields import fields
from schemas.history import HERE
from schemas.review import UNKNOWN


def examples(folder: Path = HERE) -> list[Path]:
    """Every example: `examples/<topic>/<SYMBOL>[-variant].json`."""
    return sorted((folder / "examples").glob("*/*.json"))


def review_examples(found: Catalogue, folder: Path = HERE) -> list[str]:
    """Symbols without an example, examples without a symbol, and ids that two examples share.

    Whether an example fits its schema is asked where events are read: `common.event_json`.
    """
    paths = examples(folder)
    return [*_missing(found, paths), *_orphans(found, folder, paths), *_shared_ids(folder, paths)]


def _symbols(found: Catalogue, topic: str) -> Sequence[str]:
    (type_field,) = (field for field in fields(found.schema(topic)) if field.path == "type")
    return [symbol for symbol in type_field.symbols if symbol != UNKNOWN]


def _missing(found: Catalogue, paths: Sequence[Path]) -> Iterator[str]:
    shown = {(path.parent.name, symbol_of(path)) for path in paths}
    for topic in found.topics:
        for symbol in _symbols(found, topic):
            if (topic, symbol) not in shown:
                yield f"examples/{topic}/{symbol}.json is missing: each type is shown once at least"


def _orphans(found: Catalogue, folder: Path, paths: Sequence[Path]) -> Iterator[str]:
    known = set(paths)
    for path in sorted((folder / "examples").rglob("*")):
        if path.is_file() and path not in known:
            yield f"{path.relative_to(folder)} is no example: they are examples/<topic>/<SYMBOL>[-variant].json"
    for path in paths:
        name, topic = path.relative_to(folder), path.parent.name
        if topic not in found.topics:
            yield f"{name} is an example of no event topic"
        elif symbol_of(path) not in _symbols(found, topic):
            yield f"{name} is an example of no type: {topic} has no {symbol_of(path)}"


def _shared_ids(folder: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Two examples with one event_id would be duplicates to a sink."""
    owner: dict[Any, Path] = {}
    for path in paths:
        name = path.relative_to(folder)
        try:
            example = json.loads(path.read_text("utf-8"))
            event_id, symbol = example["event_id"], example["type"]
        except (ValueError, KeyError, TypeError) as error:
            yield f"{name} is not the JSON of an event ({type(error).__name__}: {error})"
            continue
        if symbol != symbol_of(path):
            yield f"{name} is of type {symbol}, not {symbol_of(path)}"
        if (other := owner.setdefault(event_id, path)) is not path:
            yield f"{name} has the event_id of {other.relative_to(folder)}"


def symbol_of(path: Path) -> str:
    """The type that an example shows, by its file's name."""
    return path.stem.partition("-")[0]
