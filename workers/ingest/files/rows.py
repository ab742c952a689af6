"""What a file's reader gives: rows, each with its place, and where to go on behind it."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from workers.lines import LINE_MAX_BYTES


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read on: at a byte, so many records into the Avro block there; `number` lines or records are behind."""

    offset: int = 0
    skip: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text, or one Avro record; `columns` is None where it could not be read, for what is in `errors`.

    `number` is the line, or the record, counted from 1; `at` its place as part of an id; `raw` is what a letter keeps:
    it can be read again by itself. `after` is the place behind it.
    """

    number: int
    at: str
    raw: bytes
    columns: Mapping[str, Any] | None
    after: Place
    errors: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in the file, and where it begins."""

    offset: int
    data: bytes

    @property
    def is_cut(self) -> bool:
        """Whether it is longer than any event; only its beginning is here."""
        return len(self.data) > LINE_MAX_BYTES


class Lines:
    """Lines of bounded length with their places; lines that were taken too many may be given back."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file, self.offset = file, offset
        self._back: deque[Line] = deque()
        self._read_to = offset

    def take(self) -> Line | None:
        """The next line; None at the end. `offset` is then behind it."""
        line = self._back.popleft() if self._back else self._read()
        if line is not None:
            self.offset = self._back[0].offset if self._back else self._read_to
        return line

    def give_back(self, lines: Iterable[Line]) -> None:
        """Take these again first."""
        given = list(lines)
        if given:
            self._back.extendleft(reversed(given))
            self.offset = given[0].offset

    def _read(self) -> Line | None:
        data = self._file.readline(LINE_MAX_BYTES + 1)
        if not data:
            return None
        line = Line(self._read_to, data)
        self._read_to += len(data)
        while len(data) > LINE_MAX_BYTES and not data.endswith(b"\n"):
            data = self._file.readline(LINE_MAX_BYTES + 1)
            self._read_to += len(data)
        return line


TOO_LONG = [("", f"is longer than {LINE_MAX_BYTES} bytes: one event a line")]
