"""The environment as a source: `COMMFLEET_SINKS__BRAZE__API_KEY` and, for secrets, `…_FILE`."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, get_origin

import orjson
from pydantic import BaseModel

from common.settings import shape
from common.settings.layer import Layer
from common.settings.shape import NESTED, PREFIX, Path

_FILE = "_FILE"
_SECRET_FILE_BYTES = 64 * 1024
_NOT_SETTINGS = re.compile(r"COMMFLEET_(CONFIG|REQUIRE|TEST_\w+)")
"""--config's variable, and what the tests read."""
_SERVICE_LINK = re.compile(r"COMMFLEET_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
"""What Kubernetes sets in the pods beside a Service called commfleet (its docs, "Accessing the Service")."""
_LISTS = (list, tuple, set, frozenset)


class _WrongError(Exception):
    """A variable that cannot be used; the text never quotes its value."""


@dataclass(frozen=True, slots=True)
class _Target:
    path: Path
    annotation: Any
    from_file: bool


def read(model: type[BaseModel], env: Mapping[str, str]) -> Layer:
    """The settings that an environment gives, and every variable in it that is none."""
    data: dict[str, Any] = {}
    origins: dict[Path, str] = {}
    problems: list[str] = []
    unusable: set[Path] = set()
    for name, target in _targets(model, env, problems):
        if other := origins.get(target.path):
            problems.append(f"{name}: {other} gives the same setting; keep one of them")
            continue
        origins[target.path] = name
        try:
            _put(data, target.path, _value(target, env[name]))
        except _WrongError as error:
            problems.append(f"{name}: {error}")
            unusable.add(target.path)
    return Layer(data, lambda path: _origin(origins, path), problems, unusable)


def _targets(model: type[BaseModel], env: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, _Target]]:
    for name in sorted(env, key=lambda name: (name.count(NESTED), name)):  # a section before its parts
        if not name.startswith(PREFIX) or _NOT_SETTINGS.fullmatch(name):
            continue
        target = _target(model, name)
        if target is not None:
            yield name, target
        elif not _SERVICE_LINK.fullmatch(name):
            problems.append(f"{name}: there is no such setting{_nearest(model, name)}")


def _target(model: type[BaseModel], name: str) -> _Target | None:
    if name.endswith(_FILE):
        found = _resolve(model, name.removesuffix(_FILE))
        if found and shape.is_secret(found[1]):
            return _Target(*found, from_file=True)
    found = _resolve(model, name)
    return _Target(*found, from_file=False) if found else None


def _resolve(model: type[BaseModel], name: str) -> tuple[Path, Any] | None:
    annotation: Any = model
    path: Path = ()
    for part in name.removeprefix(PREFIX).lower().split(NESTED):
        step = _step(annotation, part)
        annotation = shape.below(annotation, step) if part else None
        if annotation is None:
            return None
        path = (*path, step)
    return path, annotation


def _step(annotation: Any, part: str) -> str:
    open_sections = (section for section in shape.models(annotation) if issubclass(section, shape.OpenSection))
    return next((section.name_of(part) for section in open_sections), part)


def _nearest(model: type[BaseModel], name: str) -> str:
    known = [shape.variable(setting.path) for setting in shape.walk(model)]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else "; docs/settings.md lists them all"


def _value(target: _Target, text: str) -> Any:
    if target.from_file:
        text = _secret_of(text)
    if shape.is_secret(target.annotation):
        if not text:
            raise _WrongError("the secret is empty")
        return text.splitlines() if _is_list(target.annotation) else text
    return _decoded(target.annotation, text)


def _secret_of(name: str) -> str:
    # The name is never repeated: a secret may have been put where its file's name belongs.
    try:
        with FilePath(name).open("rb") as file:
            raw = file.read(_SECRET_FILE_BYTES + 1)
        if len(raw) > _SECRET_FILE_BYTES:
            raise _WrongError("the file that it names is larger than 64 KiB; is it the right one?")
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _WrongError("the file that it names is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a file's name"
        raise _WrongError(f"the file that it names cannot be read ({why})") from None


def _decoded(annotation: Any, text: str) -> Any:
    """Sections and maps are JSON, lists are JSON or comma-separated; pydantic parses the rest."""
    kinds = [get_origin(member) or member for member in shape.members(annotation)]
    if Any in kinds:
        return _json_or_text(text)
    if shape.models(annotation) or dict in kinds or Mapping in kinds:
        return _json(text, "needs a JSON object, or one variable for each of its settings")
    if any(kind in _LISTS for kind in kinds):
        return _json(text, "is not JSON") if text.lstrip()[:1] == "[" else _separated(text)
    return text


def _json(text: str, complaint: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        raise _WrongError(complaint) from None


def _json_or_text(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _separated(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_list(annotation: Any) -> bool:
    return any(get_origin(member) in _LISTS for member in shape.members(annotation))


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    *parents, last = path
    for step in parents:
        inner = data.setdefault(step, {})
        if not isinstance(inner, dict):
            raise _WrongError(f"{'.'.join(parents)} is given as a whole by another variable")
        data = inner
    data[last] = value


def _origin(origins: Mapping[Path, str], path: Path) -> str | None:
    found = (origins[path[:length]] for length in range(len(path), 0, -1) if path[:length] in origins)
    return next(found, None)
