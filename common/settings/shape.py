"""What settings there are: walks the models, never their values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

PREFIX = "COMMFLEET_"
NESTED = "__"
ANY_NAME = "<name>"
"""Stands in a path for a name that the site chooses."""

Path = tuple[str, ...]


class OpenSection(RootModel[dict[str, Any]]):
    """A section whose names are not ours: each subclass says what a name is and which are secret."""

    @classmethod
    def name_of(cls, variable_part: str) -> str:
        """The name that a variable's (lower-case) last part stands for."""
        return variable_part

    @classmethod
    def child(cls, name: str) -> Any:
        """The annotation of one name."""
        raise NotImplementedError

    @classmethod
    def defaults(cls) -> Mapping[str, str]:
        """The names that have a value when nothing is given."""
        return {}

    @classmethod
    def meaning(cls, name: str) -> str:
        """One sentence on a name of `defaults`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the settings tree; `owner` is the model that it is a field of."""

    owner: type[BaseModel]
    path: Path
    annotation: Any
    field: FieldInfo


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, without None and without Annotated's metadata."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(found for part in get_args(annotation) for found in members(part))
    return () if annotation is NoneType else (annotation,)


def is_nullable(annotation: Any) -> bool:
    """Whether null is a value here."""
    if get_origin(annotation) is Annotated:
        return is_nullable(get_args(annotation)[0])
    return annotation is NoneType or any(is_nullable(part) for part in _union(annotation))


def is_secret(annotation: Any) -> bool:
    """Whether a secret, or a list of secrets, is a value here."""
    return any(
        member in (SecretStr, SecretBytes)
        or (get_origin(member) in (list, tuple, set, frozenset) and is_secret(get_args(member)[0]))
        for member in members(annotation)
    )


def models(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The models among the alternatives: what makes a section of a setting."""
    return tuple(part for part in members(annotation) if isinstance(part, type) and issubclass(part, BaseModel))


def below(annotation: Any, name: str) -> Any:
    """The annotation of `name` in a section, or None where there is no such setting."""
    for member in members(annotation):
        if isinstance(member, type) and issubclass(member, OpenSection):
            return member.child(name)
        if isinstance(member, type) and issubclass(member, BaseModel):
            if name in member.model_fields:
                return annotation_of(member.model_fields[name])
        elif get_origin(member) in (dict, Mapping):
            return get_args(member)[1]
        elif member is Any:
            return Any
    return None


def annotation_of(field: FieldInfo) -> Any:
    """A field's annotation together with its bounds."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def at(model: type[BaseModel], path: Path) -> Any:
    """The annotation at a path, or None where there is no such setting."""
    annotation: Any = model
    for name in path:
        annotation = below(annotation, name)
        if annotation is None:
            return None
    return annotation


def names(annotation: Any) -> tuple[str, ...]:
    """The names that a section knows."""
    return tuple(name for model in models(annotation) for name in _names(model))


def walk(model: type[BaseModel], path: Path = ()) -> Iterator[Setting]:
    """Every leaf below a model, in the order of the fields."""
    for name, field in model.model_fields.items():
        yield from _leaves(model, (*path, name), annotation_of(field), field)


def variable(path: Path) -> str:
    """The environment variable that gives a setting."""
    return PREFIX + NESTED.join(path).upper().replace(".", "_")


def _leaves(owner: type[BaseModel], path: Path, annotation: Any, field: FieldInfo) -> Iterator[Setting]:
    sections = models(annotation)
    for section in sections:
        if issubclass(section, OpenSection):
            for name in section.defaults():
                yield Setting(section, (*path, name), section.child(name), field)
        else:
            yield from walk(section, path)
    if sections:
        return
    values = _values_of_mapping(annotation)
    if models(values):
        yield from _leaves(owner, (*path, ANY_NAME), values, field)
    else:
        yield Setting(owner, path, annotation, field)


def _values_of_mapping(annotation: Any) -> Any:
    found = (get_args(part)[1] for part in members(annotation) if get_origin(part) in (dict, Mapping))
    return next(found, None)


def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(model.defaults()) if issubclass(model, OpenSection) else tuple(model.model_fields)


def _union(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
