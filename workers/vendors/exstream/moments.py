"""Times as Exstream writes them (§3). Pure."""

import math
from datetime import UTC, datetime

_MOST_EPOCH_S = 4_102_444_800.0  # the year 2100


def moment(value: object) -> datetime | None:
    """A time of theirs: epoch milliseconds or ISO 8601, both are seen (§3)."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        seconds = value / 1000
        return datetime.fromtimestamp(seconds, UTC) if 0 <= seconds < _MOST_EPOCH_S else None
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
