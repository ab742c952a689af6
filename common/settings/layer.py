"""What one source gives: values, where each came from, and what was wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from common.settings.shape import Path


@dataclass(frozen=True, slots=True)
class Layer:
    """The nested data of a file or of the environment.

    `origin_of` names the place of a path (`commfleet.yaml:3`, `COMMFLEET_LOG__LEVEL`), or is None for
    a path that this source does not give. `unusable` are paths that it gives in vain: its problems say why.
    """

    data: dict[str, Any]
    origin_of: Callable[[Path], str | None]
    problems: list[str] = field(default_factory=list)
    unusable: set[Path] = field(default_factory=set)


def gives(data: Any, path: Path) -> bool:
    """Whether nested data has something at a path."""
    for step in path:
        if not isinstance(data, dict) or step not in data:
            return False
        data = data[step]
    return True
