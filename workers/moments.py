"""Times as operators write them."""

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """A time (RFC 3339, UTC where it names no zone), or an age: `30m`, `2h`, `7d`. Raises ValueError."""
    if age := _AGE.fullmatch(text):
        return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a time (2026-01-31T08:00:00Z) nor an age (30m, 2h, 7d)") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
