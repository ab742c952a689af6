"""Personal data out of sight wherever events are shown: the fields that the schemas tag `pii`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.catalogue import catalogue

MASK = "***"
_SHORTEST = 3
_SEPARATORS = re.compile(r"[\s().-]")


def masked_event(topic: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """An event, or its JSON, with a mask in place of every personal value; nulls stay, they tell nothing."""
    masked: dict[str, Any] = _masked(event, catalogue().pii_paths(topic), "")
    return masked


def covered(topic: str, value: Mapping[str, Any], shown: Any) -> Any:
    """What was made of an event (a vendor's request, say), JSON-able, with a mask over its personal texts.

    Texts of one or two characters are left: they cannot be told from others. Sinks trim addresses and numbers, take
    out separators, and compare addresses in lower case: such spellings are covered too.
    """
    found = (text for path in catalogue().pii_paths(topic) for text in _texts(_at(value, path.split("."))))
    personal = {variant for text in found for variant in _spellings(text)}
    return _covered(shown, sorted((text for text in personal if len(text) >= _SHORTEST), key=len, reverse=True))


def _masked(value: Any, hidden: frozenset[str], path: str) -> Any:
    if path in hidden and value is not None:
        return MASK
    if isinstance(value, Mapping):
        below = f"{path}." if path else ""
        return {name: _masked(each, hidden, f"{below}{name}") for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, hidden, path) for each in value]
    return value


def _at(value: Any, steps: list[str]) -> Any:
    for index, step in enumerate(steps):
        if isinstance(value, list):
            return [_at(each, steps[index:]) for each in value]
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


def _spellings(text: str) -> tuple[str, ...]:
    trimmed = text.strip()
    return text, trimmed, trimmed.lower(), _SEPARATORS.sub("", trimmed)


def _covered(shown: Any, texts: Iterable[str]) -> Any:
    match shown:
        case str():
            for text in texts:
                shown = shown.replace(text, MASK)
            return shown
        case Mapping():
            return {_covered(name, texts): _covered(each, texts) for name, each in shown.items()}
        case list() | tuple():
            return [_covered(each, texts) for each in shown]
        case _:
            return shown
