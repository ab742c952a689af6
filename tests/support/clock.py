"""Time that a test moves."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Both clocks stand still until `advance`."""

    def __init__(self) -> None:
        self._wall = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """The wall time, in UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds
