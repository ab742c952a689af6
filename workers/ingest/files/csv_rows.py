"""CSV (RFC 4180) by bytes: a record is one line, or several where a quote is open.

Places are bytes, so that reading goes on after a crash without reading again what was before. A quote that is never
closed must not swallow the rest of the file: its line is bad, and reading goes on at the next.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

from common.errors import UnreadableFileError
from workers.ingest.files.mapping import CsvForm
from workers.ingest.files.rows import TOO_LONG, Line, Lines, Place, Row

_RECORD_MAX_BYTES = 1024 * 1024
_RECORD_MAX_LINES = 1000
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class CsvRows:
    """The rows of one CSV file. Raises UnreadableFileError for a head that does not fit the mapping."""

    def __init__(self, file: BinaryIO, form: CsvForm, needed: Collection[str]) -> None:
        self._file, self._form = file, form
        self._quote = form.quote.encode()
        self._lines = Lines(file, 0)
        self._number, self._head = 0, b""
        self._columns = self._header() if form.header else list(form.columns)
        self._check_columns(needed)

    def rows(self, start: Place) -> Iterator[Row]:
        """Every row behind a place."""
        if start.offset:
            self._file.seek(start.offset)
            self._lines, self._number = Lines(self._file, start.offset), start.number
        while record := self._record():
            yield from self._row(record)

    def _row(self, record: Sequence[Line]) -> Iterator[Row]:
        first, number = record[0], self._number + 1
        self._number += len(record)
        raw = b"".join(line.data for line in record)
        if first.offset == 0:
            raw = raw.removeprefix(_UTF8_MARK)
        if not raw.strip():
            return
        after = Place(self._lines.offset, 0, self._number)
        fields, errors = self._fields(record, raw)
        columns = None if errors else dict(zip(self._columns, fields, strict=True))
        yield Row(number, str(first.offset), self._head + raw, columns, after, errors)

    def _fields(self, record: Sequence[Line], raw: bytes) -> tuple[list[str], Sequence[tuple[str, str]]]:
        if record[0].is_cut:
            return [], TOO_LONG
        try:
            fields = self._split(raw)
        except UnicodeDecodeError as error:
            return [], [("", f"is not {self._form.encoding} at byte {error.start} of the line")]
        except csv.Error as error:
            return [], [("", f"is not CSV: {error}")]
        if len(fields) != len(self._columns):
            return [], [("", f"has {len(fields)} fields, and the header {len(self._columns)}")]
        return fields, []

    def _split(self, raw: bytes) -> list[str]:
        text = raw.decode(self._form.encoding).rstrip("\r\n")
        lines = text.splitlines(keepends=True) if "\n" in text else [text]
        delimiter, quote = self._form.delimiter, self._form.quote
        if quote:
            reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
        else:
            reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return next(reader, [])

    def _record(self) -> list[Line]:
        """The lines of the next record; only the first one where its quote is not closed. Empty at the end."""
        line = self._lines.take()
        if line is None:
            return []
        taken, size, quotes = [line], len(line.data), self._quotes(line)
        while quotes % 2 and not line.is_cut:
            line = self._lines.take()
            if line is None or size > _RECORD_MAX_BYTES or len(taken) >= _RECORD_MAX_LINES:
                self._lines.give_back([*taken[1:], *([line] if line else [])])
                return taken[:1]
            taken.append(line)
            size += len(line.data)
            quotes += self._quotes(line)
        return taken

    def _quotes(self, line: Line) -> int:
        return line.data.count(self._quote) if self._quote else 0

    def _header(self) -> list[str]:
        record = self._record()
        raw = b"".join(line.data for line in record)
        if raw.startswith(_UTF16_MARKS) or b"\0" in raw:
            raise UnreadableFileError("line 1: is UTF-16, or no text at all; save it as UTF-8")
        raw = raw.removeprefix(_UTF8_MARK)
        if not raw.strip():
            raise UnreadableFileError("line 1: is empty, a header was expected")
        self._number = len(record)
        self._head = raw if raw.endswith(b"\n") else raw + b"\n"
        try:
            return [name.strip() for name in self._split(raw)]
        except UnicodeDecodeError as error:
            raise UnreadableFileError(
                f"line 1: is not {self._form.encoding} at byte {error.start}; save it so, or set csv.encoding"
            ) from None
        except csv.Error as error:
            raise UnreadableFileError(f"line 1: the header is not CSV: {error}") from None

    def _check_columns(self, needed: Collection[str]) -> None:
        found = self._columns
        if twice := sorted({name for name in found if found.count(name) > 1}):
            raise UnreadableFileError(f"line 1: the header has {', '.join(twice)} more than once")
        if self._form.columns and list(self._form.columns) != found:
            raise UnreadableFileError(f"line 1: {_drift(list(self._form.columns), found)}")
        if missing := sorted(set(needed) - set(found)):
            raise UnreadableFileError(
                f"line 1: the columns {', '.join(missing)} are missing; the header has: {', '.join(found)[:500]}"
            )


def _drift(expected: list[str], found: list[str]) -> str:
    gone = [name for name in expected if name not in found]
    new = [name for name in found if name not in expected]
    parts = [f"{what}: {', '.join(names)[:300]}" for what, names in (("gone", gone), ("new", new)) if names]
    told = "; ".join(parts) or "the order is another"
    return f"the header is not the one in the mapping ({told}); mend the file, or `csv.columns` in the mapping"
