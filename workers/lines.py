"""Lines of a file or a pipe, one at a time and of bounded length; tells how far it has read."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

LINE_MAX_BYTES = 8 * 1024 * 1024
"""An event's record is at most 1 MiB, and no JSON says it in more than this."""


class Progress(Protocol):
    """Whoever shows how far a command is."""

    def begin(self, what: str, total_bytes: int | None) -> None:
        """A pass over the input begins; None where its size is not known."""
        ...

    def advance(self, read_bytes: int) -> None:
        """So many bytes more were read."""
        ...


class Unseen:
    """Shows nothing."""

    def begin(self, what: str, total_bytes: int | None) -> None:
        """Nothing."""

    def advance(self, read_bytes: int) -> None:
        """Nothing."""


def lines_of(file: BinaryIO, progress: Progress, max_bytes: int = LINE_MAX_BYTES) -> Iterator[bytes]:
    """Every line, from where the file stands; a longer one is cut to one byte more than `max_bytes`."""
    while line := file.readline(max_bytes + 1):
        progress.advance(len(line))
        yield line
        rest = line
        while len(rest) > max_bytes and not rest.endswith(b"\n"):
            rest = file.readline(max_bytes + 1)
            progress.advance(len(rest))


def bytes_left(file: BinaryIO) -> int | None:
    """How many bytes come from here; None for a pipe, or a terminal."""
    if not file.seekable():
        return None
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end - here
