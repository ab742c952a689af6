"""What pollers tell whoever counts: a hook, so that they depend on no metrics library."""

from typing import Protocol

from common.reasons import Cause
from workers.ingest.pollers.step import Made


class PollHook(Protocol):
    """Called by the active poller of a source; must not raise."""

    def active(self, is_active: bool) -> None:
        """This worker polls, or stands by."""
        ...

    def polled(self, feed: str, made: Made, repeated: int) -> None:
        """A page is committed; so many of its items had been seen."""
        ...

    def paused(self, feed: str, cause: Cause) -> None:
        """A feed cannot be asked for a while."""
        ...

    def aged(self, feed: str, seconds: float) -> None:
        """How long ago everything that the source showed had been published."""
        ...

    def budget(self, left: int) -> None:
        """Requests that today's slice still has."""
        ...


class Unheard:
    """Counts nothing."""

    def active(self, is_active: bool) -> None:
        """Nothing."""

    def polled(self, feed: str, made: Made, repeated: int) -> None:
        """Nothing."""

    def paused(self, feed: str, cause: Cause) -> None:
        """Nothing."""

    def aged(self, feed: str, seconds: float) -> None:
        """Nothing."""

    def budget(self, left: int) -> None:
        """Nothing."""
