"""One id for one signal, however often it is seen (design §4)."""

import hashlib
from typing import Any
from uuid import UUID, uuid5

import orjson

from common.errors import InvalidEventError

_NAMESPACE = UUID("6f0a5be4-1c0e-5b8e-9d57-3a5b1f0c7e21")
"""Ours, fixed for ever: another one would give every known signal a new id."""


def event_id(source: str, natural_id: str) -> str:
    """The UUIDv5 of a source's own id of a signal."""
    return str(uuid5(_NAMESPACE, f"{source}\n{natural_id}"))


def hash_of(*parts: str | None) -> str:
    """A natural id made of parts, where the source gives none; an absent part differs from an empty one."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted names and no spaces: equal for equal values; raises InvalidEventError when too deep."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        raise InvalidEventError([("", "is nested too deeply")]) from None
