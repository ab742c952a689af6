"""Avro container files: a record is a row; places are blocks."""

from collections.abc import Collection, Iterator
from typing import BinaryIO

import orjson

from common.avro_files import AvroFile
from common.errors import UnreadableFileError
from workers.ingest.files.rows import Place, Row


class AvroRows:
    """The rows of one container file. Raises UnreadableFileError for one that is not whole, as far as can be seen."""

    def __init__(self, file: BinaryIO, needed: Collection[str]) -> None:
        self._file = AvroFile(file)
        if missing := sorted({name.partition(".")[0] for name in needed} - set(self._file.columns)):
            raise UnreadableFileError(
                f"the fields {', '.join(missing)} are missing; its schema has: {', '.join(self._file.columns)[:500]}"
            )
        if file.seekable():
            self._file.check_whole()

    def rows(self, start: Place) -> Iterator[Row]:
        """Every row behind a place."""
        number = start.number
        for offset, index, record in self._file.records(start.offset, start.skip):
            number += 1
            raw = orjson.dumps(record, default=_text, option=orjson.OPT_NON_STR_KEYS)
            yield Row(number, f"{offset}+{index}", raw, record, Place(offset, index + 1, number))


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
