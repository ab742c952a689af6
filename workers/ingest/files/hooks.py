"""What file drops tell whoever counts: a hook, so that they depend on no metrics library."""

from enum import StrEnum
from typing import Protocol


class FileOutcome(StrEnum):
    """What became of a file; closed, safe as a metric label."""

    DONE = "done"
    WITH_BAD_LINES = "with_bad_lines"  # all the others are stored, the bad ones are dead letters
    FAILED = "failed"  # it cannot be read, or not to its end: it waits in `failed/`


class FileHook(Protocol):
    """Called by the worker of files; must not raise."""

    def sent(self, source: str, stored: int, bad: int, substitutes: int, unknown_types: int) -> None:
        """Lines are confirmed: so many events, so many letters."""
        ...

    def ended(self, source: str, outcome: FileOutcome) -> None:
        """A file was moved away."""
        ...

    def waiting(self, source: str, files: int, oldest_s: float) -> None:
        """Files in the folder, and how long the oldest has not changed; 0 without one."""
        ...


class Unheard:
    """Counts nothing."""

    def sent(self, source: str, stored: int, bad: int, substitutes: int, unknown_types: int) -> None:
        """Nothing."""

    def ended(self, source: str, outcome: FileOutcome) -> None:
        """Nothing."""

    def waiting(self, source: str, files: int, oldest_s: float) -> None:
        """Nothing."""
