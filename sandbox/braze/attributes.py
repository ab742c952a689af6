"""How an attributes object changes a profile, silent drops included (page §2.1, §6, §7). Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

IDENTIFIERS = frozenset({"external_id", "user_alias", "braze_id"})
_INSTRUCTIONS = IDENTIFIERS | {"_update_existing_only", "_merge_objects"}
_MOST_NESTED_BYTES = 102_400
_MOST_ELEMENTS = 500


def apply(
    attributes: dict[str, Any], update: Mapping[str, Any], ignored_names: frozenset[str] = frozenset()
) -> list[str]:
    """Change a profile's attributes in place; the names that Braze drops without a word."""
    dropped = []
    merges = update.get("_merge_objects") is True
    for name, value in update.items():
        if name in _INSTRUCTIONS:
            continue
        if name in ignored_names or not _fits(value):
            dropped.append(name)
        elif value is None:
            attributes.pop(name, None)
        else:
            attributes[name] = _changed(attributes.get(name), value, merges=merges)
    return dropped


def _fits(value: Any) -> bool:
    """A nested value over 100 KB, or with a null or a key that Braze does not take, is dropped as a whole."""
    if not isinstance(value, dict | list):
        return True
    return len(json.dumps(value)) <= _MOST_NESTED_BYTES and _is_clean(value)


def _is_clean(value: Any) -> bool:
    match value:
        case None:
            return False
        case dict():
            return all(_is_key(key) and _is_clean(below) for key, below in value.items())
        case list():
            return all(map(_is_clean, value))
    return True


def _is_key(key: str) -> bool:
    return key in ("$time", "$add", "$remove", "$update") or not any(mark in key for mark in " .$")


def _changed(old: Any, value: Any, *, merges: bool) -> Any:
    match value:
        case {"inc": int(step)} if len(value) == 1:
            return (old if isinstance(old, int) else 0) + step
        case {"add": list(items)} if len(value) == 1:
            return _added(old if isinstance(old, list) else [], items)
        case {"remove": list(items)} if len(value) == 1:
            return [each for each in old or [] if each not in items]
        case dict() if merges and isinstance(old, dict):
            return {**old, **value}
        case list():
            return value[-_MOST_ELEMENTS:]
    return value


def _added(old: list[Any], items: Iterable[Any]) -> list[Any]:
    """New ones behind; the oldest are dropped first."""
    return [*old, *(each for each in items if each not in old)][-_MOST_ELEMENTS:]
