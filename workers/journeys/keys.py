"""What an instance is about, and what is kept of an event: fields of the event as text. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from workers.flows.template import as_text
from workers.journeys.definition import reader

About = dict[str, str]


def about_of(value: Mapping[str, Any], by: Iterable[str]) -> About | None:
    """The fields by which an event finds its instance; None when one of them is null."""
    found = {path: reader(path)(value) for path in by}
    return None if any(one is None for one in found.values()) else {path: as_text(one) for path, one in found.items()}


def text_of(about: Mapping[str, str]) -> str:
    """The same as a column has it: sorted JSON."""
    return orjson.dumps(about, option=orjson.OPT_SORT_KEYS).decode()


def name_of(about: Mapping[str, str]) -> str:
    """The same as people read it."""
    return ":".join(about[path] for path in sorted(about))


def covers(wider: Mapping[str, str], narrower: Mapping[str, str]) -> bool:
    """Whether everything that `wider` says is true of `narrower`."""
    return wider.items() <= narrower.items()


def kept(value: Mapping[str, Any], paths: Iterable[str]) -> dict[str, str]:
    """These fields of an event as text, those that it has."""
    found = ((path, reader(path)(value)) for path in paths)
    return {path: as_text(one) for path, one in found if one is not None}
