"""A file in the format of its mapping, as rows."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

from workers.ingest.files.avro_rows import AvroRows
from workers.ingest.files.csv_rows import CsvRows
from workers.ingest.files.json_rows import JsonRows
from workers.ingest.files.mapping import Format, Mapping
from workers.ingest.files.rows import Place, Row


class Rows(Protocol):
    """The rows of a file."""

    def rows(self, start: Place) -> Iterator[Row]:
        """Every row behind a place."""
        ...


def rows_of(file: BinaryIO, mapping: Mapping, start: Place) -> Iterator[Row]:
    """Every row behind a place. Raises UnreadableFileError for a file that is not what the mapping says."""
    return _opened(file, mapping).rows(start)


def _opened(file: BinaryIO, mapping: Mapping) -> Rows:
    match mapping.format:
        case Format.CSV:
            return CsvRows(file, mapping.csv, mapping.columns)
        case Format.JSONL:
            return JsonRows(file)
        case Format.AVRO:
            return AvroRows(file, mapping.columns)
