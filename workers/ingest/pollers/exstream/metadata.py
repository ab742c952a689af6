"""What a resource's metadata says under one name (§5.1). Pure.

Its inner shape is not documented: both usual ones are read.
"""

from collections.abc import Mapping
from typing import Any

from workers.ingest.sources.reading import text


def listed(metadata: Any, name: str | None) -> list[str]:
    """The values under a name, each once: of a mapping, or of a list of `{name, value}`; none where there is none."""
    if name is None:
        return []
    found: list[str] = []
    for each in _values(metadata, name):
        found += each.split(",") if isinstance(each, str) else [text(each) or ""]
    return list(dict.fromkeys(part.strip() for part in found if part.strip()))


def _values(metadata: Any, name: str) -> list[Any]:
    if isinstance(metadata, Mapping):
        found = [metadata.get(name)]
    elif isinstance(metadata, list):
        found = [each.get("value") for each in metadata if isinstance(each, Mapping) and each.get("name") == name]
    else:
        found = []
    return [one for each in found for one in (each if isinstance(each, list) else [each])]
