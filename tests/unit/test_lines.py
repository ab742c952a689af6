"""Lines of bounded length, from whatever can be read."""

import io
import os

from workers.lines import bytes_left, lines_of


class Seen:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def begin(self, what: str, total_bytes: int | None) -> None:
        """Nothing."""

    def advance(self, read_bytes: int) -> None:
        """Remember."""
        self.read_bytes += read_bytes


def test_lines_come_as_they_are() -> None:
    """With their ends; the last one needs none."""
    seen = Seen()

    assert list(lines_of(io.BytesIO(b"a\n\nb"), seen)) == [b"a\n", b"\n", b"b"]
    assert seen.read_bytes == 4


def test_an_endless_line_is_cut() -> None:
    """It is one line still, and the next one is the next one; what was skipped counts as read."""
    seen, data = Seen(), b"x" * 100 + b"\n" + b"short\n" + b"y" * 11

    assert list(lines_of(io.BytesIO(data), seen, max_bytes=10)) == [b"x" * 11, b"short\n", b"y" * 11]
    assert seen.read_bytes == len(data)


def test_a_line_that_ends_at_the_limit_is_whole() -> None:
    """Neither it nor its neighbour is lost."""
    assert list(lines_of(io.BytesIO(b"0123456789\nb\n"), Seen(), max_bytes=10)) == [b"0123456789\n", b"b\n"]


def test_the_size_of_a_pipe_is_not_known() -> None:
    """That of a file is what is left of it."""
    file = io.BytesIO(b"12345")
    file.read(2)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb"):
        assert bytes_left(pipe) is None
    assert bytes_left(file) == 3
    assert file.read() == b"345"
