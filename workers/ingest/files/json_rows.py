"""JSON lines: an object a line."""

from collections.abc import Iterator
from typing import BinaryIO

from common.errors import InvalidEventError, UnreadableFileError
from workers.ingest.files.rows import TOO_LONG, Line, Lines, Place, Row
from workers.ingest.strict_json import parse

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class JsonRows:
    """The rows of a file of JSON lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def rows(self, start: Place) -> Iterator[Row]:
        """Every row behind a place. Raises UnreadableFileError where the first line is UTF-16."""
        if start.offset:
            self._file.seek(start.offset)
        lines, number = Lines(self._file, start.offset), start.number
        while line := lines.take():
            number += 1
            if line.offset == 0 and line.data.startswith(_UTF16_MARKS):
                raise UnreadableFileError("line 1: is UTF-16; save it as UTF-8")
            if line.data.strip():
                yield _row(number, line, Place(lines.offset, 0, number))


def _row(number: int, line: Line, after: Place) -> Row:
    at = str(line.offset)
    if line.is_cut:
        return Row(number, at, line.data, None, after, TOO_LONG)
    try:
        found = parse(line.data.removeprefix(b"\xef\xbb\xbf") if line.offset == 0 else line.data)
    except InvalidEventError as error:
        return Row(number, at, line.data, None, after, error.errors)
    if not isinstance(found, dict):
        return Row(number, at, line.data, None, after, [("", "must be a JSON object")])
    return Row(number, at, line.data, found, after)
