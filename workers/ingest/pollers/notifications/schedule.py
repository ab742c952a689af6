"""When a job is asked about (§4 of the vendor page): often at first, then every quarter of an hour, then hourly. Pure.

The moments follow from when the job was accepted alone, so nothing of them needs to be remembered.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

_FIRST_S = (15, 45, 105, 405)  # 15 s, then after 30 s, 1 min, 5 min
_QUARTER_S, _HOUR_S, DAY_S = 900, 3600, 86_400


def ages(followed_s: float, *, has_ended: bool) -> Sequence[int]:
    """Seconds after its acceptance at which a job is asked about.

    Of one that has come to its end with everybody only late bounces, openings and opt-outs are to be expected:
    hourly, for a day.
    """
    if has_ended:
        return range(_HOUR_S, DAY_S + 1, _HOUR_S)
    last = int(followed_s)
    quarters = range(_FIRST_S[-1] + _QUARTER_S, min(DAY_S, last) + 1, _QUARTER_S)
    hours = range(DAY_S + _HOUR_S, last + 1, _HOUR_S)
    return [*_FIRST_S, *quarters, *hours]


def due_at(accepted_at: datetime, seconds: Sequence[int], until: datetime) -> datetime | None:
    """The latest of its moments up to `until`; None before the first."""
    passed = bisect_right(seconds, (until - accepted_at).total_seconds())
    return accepted_at + timedelta(seconds=seconds[passed - 1]) if passed else None
