"""Where a vendor's windows begin, by the wall clock. Pure.

Days are calendar days of a zone: 23 or 25 hours long where the zone changes its clocks. Every other window that
is aligned begins at a multiple of its length since the epoch, as Braze's hours and minutes do (§4 of its page).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from workers.sinks.limit import Limit, WindowKind

_LONGEST_DAY_S = 90_000.0


def begin_of(limit: Limit, moment: datetime) -> datetime:
    """When the window that holds this moment began, in UTC. Not for sliding windows: they begin anywhere."""
    if limit.kind is WindowKind.DAY:
        return _midnight(moment.astimezone(_zone(limit.zone)).date(), limit.zone)
    seconds = moment.timestamp()
    return datetime.fromtimestamp(seconds - seconds % limit.window_s, UTC)


def end_of(limit: Limit, moment: datetime) -> datetime:
    """When the window that holds this moment ends and the next one begins, in UTC."""
    if limit.kind is WindowKind.DAY:
        return _midnight(moment.astimezone(_zone(limit.zone)).date() + timedelta(days=1), limit.zone)
    return begin_of(limit, moment) + timedelta(seconds=limit.window_s)


def longest_s(limit: Limit) -> float:
    """The longest that one of its windows can be, in seconds: 25 hours for a day."""
    return _LONGEST_DAY_S if limit.kind is WindowKind.DAY else limit.window_s


def _midnight(day: date, zone: str) -> datetime:
    """The first moment of a day; where clocks skip midnight, the moment at which they do."""
    return datetime.combine(day, time.min, tzinfo=_zone(zone)).astimezone(UTC)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
