"""Times in headers: Retry-After, how long the vendor asks us to wait (§9 #12), and Date. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LEAST_S, MOST_S, USUAL_S = 1.0, 3600.0, 60.0
_SECONDS = re.compile(r"[0-9]{1,9}")


def wait_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds from 1 to 3600; a minute without a hint that can be read.

    A moment is compared with the sender's own Date where it has one, so that our clock's error does not count.
    """
    after = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(after):
        hint = float(after)
    elif (moment := http_date(after)) is not None:
        hint = (moment - (http_date(headers.get("date", "")) or now)).total_seconds()
    else:
        return USUAL_S
    return min(max(hint, LEAST_S), MOST_S)


def http_date(text: str) -> datetime | None:
    """An HTTP date (RFC 9110 §5.6.7); None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
