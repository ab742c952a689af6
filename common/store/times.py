"""Times as the store keeps them: microseconds since 1970, UTC, in a 64-bit integer on either engine."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


def micros(moment: datetime) -> int:
    """A moment as the store keeps it; exact."""
    return (moment - _EPOCH) // _MICRO


def moment_of(value: int) -> datetime:
    """The moment that `micros` was given."""
    return _EPOCH + timedelta(microseconds=value)
