"""Durations as people write them (`30m`, `7d`), in microseconds."""

import re

from common.store.times import SECOND_US

_FORM = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_UNITS = {"s": SECOND_US, "m": 60 * SECOND_US, "h": 3600 * SECOND_US, "d": 86_400 * SECOND_US, "w": 604_800 * SECOND_US}
_MOST_US = 3660 * _UNITS["d"]


def duration(raw: object) -> int | None:
    """Microseconds of a text like `0s`, `30m`, `12h`, `7d` or `2w`, up to ten years; None for anything else."""
    found = _FORM.fullmatch(raw) if isinstance(raw, str) else None
    length = int(found[1]) * _UNITS[found[2]] if found else None
    return length if length is not None and length <= _MOST_US else None


def shown(length: int) -> str:
    """A duration as it is written, in days at most; exact to the second."""
    for name, unit in reversed(_UNITS.items()):
        if name != "w" and length and length % unit == 0:
            return f"{length // unit}{name}"
    return f"{length // SECOND_US}s"
