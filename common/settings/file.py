"""The configuration file as a source: `commfleet.yaml`, one key for each setting."""

from pathlib import Path as FilePath
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from common import yaml
from common.errors import LocatedError
from common.settings import shape
from common.settings.layer import Layer, gives

DEFAULT_FILE = FilePath("commfleet.yaml")


def read(model: type[BaseModel], file: FilePath | None) -> Layer:
    """The settings of a file; without one, of `commfleet.yaml` in the working directory where it exists.

    A relative path in the file is relative to the file. A section without keys gives its defaults.
    """
    if file is None:
        if not DEFAULT_FILE.exists():
            return Layer({}, lambda _: None)
        file = DEFAULT_FILE
    try:
        document = yaml.read(file)
    except LocatedError as error:
        return Layer({}, lambda _: None, [str(error)])
    if document.data is not None and not isinstance(document.data, dict):
        return Layer({}, lambda _: None, [f"{file}:1: must be a mapping of settings, such as `prefix: acme.`"])
    data = _usable(model, document.data or {}, file.parent)
    return Layer(data, lambda path: f"{file}:{document.line(*path)}" if gives(data, path) else None)


def _usable(annotation: Any, value: Any, folder: FilePath) -> Any:
    if value is None and shape.models(annotation) and not shape.is_nullable(annotation):
        return {}
    if isinstance(value, dict):
        return {str(key): _usable(shape.below(annotation, str(key)), each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_usable(_item(annotation), each, folder) for each in value]
    if isinstance(value, str) and FilePath in shape.members(annotation):
        return str(folder / value)
    return value


def _item(annotation: Any) -> Any:
    lists = (get_args(part)[0] for part in shape.members(annotation) if get_origin(part) in (list, tuple, set))
    return next(lists, None)
