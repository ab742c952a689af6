"""Builds the settings of a worker from its sources, or says everything that is wrong with them at once."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Self, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from common.errors import SettingsError
from common.settings import file, shape, variables
from common.settings.layer import Layer, gives
from common.settings.shape import Path

_LAYERS = "_layers"
_SHORTEST_SCRUBBED = 4


class RootSettings(BaseSettings):
    """The settings of a process: from keywords (tests, the demo), or by `load` from file and environment.

    The environment is read by `common.settings.variables` instead of pydantic-settings' own source,
    which passes over variables that mean nothing.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, case_sensitive=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The layers of a load, the first wins; otherwise the keywords alone."""
        layers = init_settings().get(_LAYERS)
        if layers is None:
            return (init_settings,)
        return tuple(InitSettingsSource(settings_cls, layer.data) for layer in layers)

    @classmethod
    def from_layers(cls, layers: Sequence["Layer"]) -> Self:
        """Merge the layers, the first wins, and validate the whole; raises pydantic's ValidationError."""
        build: Any = cls
        return cast(Self, build(**{_LAYERS: layers}))


S = TypeVar("S", bound=RootSettings)


@dataclass(frozen=True, slots=True)
class Sources:
    """The environment and the file of one load."""

    environment: Layer
    file: Layer

    def origin_of(self, path: Path) -> str | None:
        """The variable, or the file and line, that gives a path; None when it has its default."""
        for layer in (self.environment, self.file):
            if gives(layer.data, path):
                return layer.origin_of(path)
        return None


def load(model: type[S], config: FilePath | None, env: Mapping[str, str]) -> tuple[S, Sources]:
    """The settings of a process, and where each came from: environment over file over default.

    Raises SettingsError with every problem of every source; none of them quotes a secret.
    """
    sources = Sources(variables.read(model, env), file.read(model, config))
    problems = [*sources.file.problems, *sources.environment.problems]
    try:
        settings = model.from_layers((sources.environment, sources.file))
    except ValidationError as error:
        problems += _Report(model, sources).of(error)
        raise _failure(problems, model, sources) from None  # pydantic's own text might quote an input
    if problems:
        raise _failure(problems, model, sources)
    return settings, sources


def _failure(problems: Sequence[str], model: type[S], sources: Sources) -> SettingsError:
    secrets = {*_secrets(model, sources.environment.data), *_secrets(model, sources.file.data)}
    return SettingsError([_scrubbed(problem, secrets) for problem in problems])


class _Report:
    """Says each of pydantic's errors in the words of who wrote the setting."""

    def __init__(self, model: type[RootSettings], sources: Sources) -> None:
        self._model, self._sources = model, sources

    def of(self, error: ValidationError) -> list[str]:
        """One line for each setting that is wrong; the alternatives of a union share theirs."""
        grouped: dict[tuple[Path, str], list[str]] = {}
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            path = self._path(each["loc"])
            if path in self._sources.environment.unusable:
                continue  # already told, with the reason
            texts = grouped.setdefault((path, each["type"] if each["type"] == "missing" else ""), [])
            if (text := self._text(path, each)) not in texts:
                texts.append(text)
        return [" or ".join(texts) for texts in grouped.values()]

    def _path(self, loc: Sequence[int | str]) -> Path:
        """A setting's path: pydantic's location without list indices and the alternatives of a union."""
        path: Path = ()
        annotation: Any = self._model
        for step in map(str, loc):
            found = shape.below(annotation, step)
            if found is not None or self._given((*path, step)):
                path, annotation = (*path, step), found
        return path

    def _given(self, path: Path) -> bool:
        return gives(self._sources.environment.data, path) or gives(self._sources.file.data, path)

    def _text(self, path: Path, error: ErrorDetails) -> str:
        dotted = ".".join(path)
        match error["type"]:
            case "missing":
                return self._missing(path)
            case "extra_forbidden":
                return f"{self._where(path)}{dotted}: there is no such setting{self._nearest(path)}"
            case _:
                return f"{self._where(path)}{dotted}: {_lower(error['msg'].removeprefix('Value error, '))}"

    def _where(self, path: Path) -> str:
        origin = self._sources.origin_of(path)
        return f"{origin}: " if origin else ""

    def _missing(self, path: Path) -> str:
        name = shape.variable(path)
        text = f"{self._where(path[:-1])}{'.'.join(path)} is missing: "
        if shape.is_secret(shape.at(self._model, path)):
            return text + f"set {name}, or {name}_FILE to the name of a file that holds it"
        return text + f"give it in the configuration file, or as {name}"

    def _nearest(self, path: Path) -> str:
        known = shape.names(shape.at(self._model, path[:-1]))
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.6)
        return f"; did you mean {near[0]}?" if near else f"; here stand {', '.join(known)}"


def _secrets(annotation: Any, value: Any) -> Iterator[str]:
    """The secret values in nested data."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _secrets(shape.below(annotation, name), each)
    elif shape.is_secret(annotation):
        yield from value if isinstance(value, list) else [str(value)]


def _scrubbed(text: str, secrets: set[str]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SCRUBBED:
            text = text.replace(secret, "***")
    return text


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
