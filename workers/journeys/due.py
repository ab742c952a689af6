"""When a step is due: local time of day, and a herd spread out. Pure; all in microseconds.

Moments are real ones unless they are called journey time (`Journey.tempo`).
"""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from common.store.times import micros, moment_of
from workers.journeys.definition import Journey

_LAST = micros(datetime(9998, 1, 1, tzinfo=UTC))
"""A fast clock gets past the calendar's end; there is no time of day there."""


def not_before(journey: Journey, moment: int, length_us: int, who: str) -> int:
    """So long after a moment, at the next time of day `at` if there is one, plus the customer's spread."""
    passed = journey.tempo.journey(moment) + length_us
    return journey.tempo.real(_at(journey, passed, is_later=True) + spread(journey, who))


def on_the_day(journey: Journey, moment: int, who: str) -> int:
    """The time of day `at` of the local day of this journey time, plus the customer's spread."""
    return journey.tempo.real(_at(journey, moment, is_later=False) + spread(journey, who))


def spread(journey: Journey, who: str) -> int:
    """The same part of `spread` for the same customer, always."""
    if not journey.spread_us:
        return 0
    return int.from_bytes(blake2b(f"{journey.name}\n{who}".encode(), digest_size=6).digest()) % journey.spread_us


def local_date(journey: Journey, moment: int) -> str:
    """The day on which this journey time is, in the journey's zone."""
    return moment_of(moment).astimezone(journey.zone).date().isoformat()


def _at(journey: Journey, moment: int, *, is_later: bool) -> int:
    if journey.at is None or not 0 <= moment <= _LAST:
        return moment
    day = moment_of(moment).astimezone(journey.zone).date()
    found = micros(datetime.combine(day, journey.at, journey.zone))
    if is_later and found < moment:
        found = micros(datetime.combine(day + timedelta(days=1), journey.at, journey.zone))
    return found
