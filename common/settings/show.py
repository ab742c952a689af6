"""The settings in effect, as rows for people: each value, and where it came from; secrets masked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, SecretBytes, SecretStr

from common.settings.load import RootSettings, Sources
from common.settings.shape import OpenSection, Path, is_secret

MASKED = "********"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting in effect; `origin` is a variable, a file and line, or `default`."""

    name: str
    value: str
    origin: str


def rows(settings: RootSettings, sources: Sources) -> list[Row]:
    """Every setting of a loaded model, in the order of its fields."""
    return [
        Row(".".join(path), _text(value), sources.origin_of(path) or "default") for path, value in _leaves(settings, ())
    ]


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    match value:
        case OpenSection():
            for name, each in sorted({**value.defaults(), **value.root}.items()):
                yield (*path, name), each if is_secret(value.child(name)) else _revealed(each)
        case BaseModel():
            for name in type(value).model_fields:
                yield from _leaves(getattr(value, name), (*path, name))
        case Mapping() if value:
            for name, each in value.items():
                yield from _leaves(each, (*path, str(name)))
        case _:
            yield path, value


def _revealed(value: Any) -> Any:
    """A property whose name says that it is none of the secret ones."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, SecretStr):
        return MASKED
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> Any:
    match value:
        case SecretStr() | SecretBytes():
            return MASKED
        case tuple() | set() | frozenset():
            return list(value)
        case _:
            return str(value)
