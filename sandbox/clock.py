"""The sandbox's own time: the machine's, moved by an operator, or standing still."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime


class SandboxClock:
    """Epoch seconds that a test can set; rate windows and the Date header follow it."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._frozen_at: float | None = None

    def now(self) -> float:
        """Epoch seconds."""
        return self._frozen_at if self._frozen_at is not None else time.time() + self._offset_s

    def set(self, moment: datetime, *, frozen: bool = False) -> None:
        """Make it this time now, going on from there or standing still."""
        self._offset_s = moment.timestamp() - time.time()
        self._frozen_at = moment.timestamp() if frozen else None

    def advance(self, seconds: float) -> None:
        """Jump; what stood still stands still later."""
        self._offset_s += seconds
        if self._frozen_at is not None:
            self._frozen_at += seconds

    def http_date(self) -> str:
        """Now, as a Date header (RFC 9110 §5.6.7)."""
        return format_datetime(datetime.fromtimestamp(self.now(), UTC), usegmt=True)
