"""A site's own values: what `{setting: name}` in a flow file stands for."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from common import yaml
from workers.flows.names import nearest
from workers.flows.place import Place

DEFAULT = tuple(sorted((Path(__file__).parent / "values").glob("*.yaml")))
"""What the default flows and journeys use unless a site says otherwise; null where only a site can know."""


class SiteValues:
    """The values under `flows.values` of the settings, over the default ones.

    `m1.emails` finds a dotted or a nested key.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {**default_values(), **dict(_flattened(values))}

    def resolved(self, raw: Any, place: Place) -> Any:
        """`raw` itself, or what it refers to when it is `{setting: name}`; None after a fault."""
        if not is_reference(raw):
            return raw
        name = raw["setting"]
        if self._values.get(name) is None:
            hint = "" if name in self._values else nearest(name, self._values)
            place.lack(f"the setting flows.values.{name} is missing; set it, or write the values here{hint}")
            return None
        return self._values[name]

    def spliced(self, items: Sequence[Any], place: Place) -> Iterator[tuple[Any, Place]]:
        """Each item of a list with its place; a reference to a list gives all of that list's items."""
        for index, raw in enumerate(items):
            here = place.at(index)
            before = len(place.faults)
            value = self.resolved(raw, here)
            if len(place.faults) > before:
                continue
            for item in value if is_reference(raw) and isinstance(value, list | tuple) else [value]:
                yield item, here


def is_reference(raw: Any) -> bool:
    """Whether `raw` is `{setting: name}` and nothing else."""
    return isinstance(raw, dict) and raw.keys() == {"setting"}


@cache
def default_values() -> Mapping[str, Any]:
    """The default values by dotted name."""
    return MappingProxyType({name: value for file in DEFAULT for name, value in _flattened(yaml.load(file))})


def _flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
