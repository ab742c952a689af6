"""Rows of CSV, JSON lines and Avro files: each with its place, and errors that say what a whole file lacks."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastavro import writer

from common.errors import UnreadableFileError
from tests.support.files import HEADER, MAPPING, PipeOf, csv_of, good, source
from workers.ingest.files.identity import Pipe
from workers.ingest.files.read import rows_of
from workers.ingest.files.rows import Place, Row

AVRO = MAPPING.replace('format: csv\ncsv: {delimiter: ";"}', "format: avro")
JSONL = AVRO.replace("avro", "jsonl")
SCHEMA = {
    "type": "record",
    "name": "Row",
    "fields": [{"name": name, "type": "string"} for name in ("customer_no", "kind", "at", "form")],
}


def read(folder: Path, data: bytes, text: str = MAPPING, start: Place | None = None) -> list[Row]:
    """The rows of a file."""
    return list(rows_of(io.BytesIO(data), source(folder, text).mapping, start or Place()))


def avro_of(rows: Sequence[dict[str, Any]], codec: str = "deflate", schema: Any = SCHEMA) -> bytes:
    """A container file with a block for every few rows."""
    file = io.BytesIO()
    writer(file, schema, rows, codec=codec, sync_interval=100)
    return file.getvalue()


def avro_rows(count: int) -> list[dict[str, Any]]:
    """Rows of the schema."""
    return [{"customer_no": f"C-{n}", "kind": "F", "at": "21.11.2026 10:00", "form": "f"} for n in range(count)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: is empty"),
        (csv_of(good(1)).decode().encode("utf-16"), "line 1: is UTF-16"),
        (
            "customer_no;kind;at;förm\n".encode("cp1252"),
            "line 1: is not utf-8 at byte 21; save it so, or set csv.encoding",
        ),
        (
            b"customer_no;kind;when;form\n",
            "line 1: the columns at are missing; the header has: customer_no, kind, when",
        ),
        (b"customer_no;kind;at;form;at\n", "line 1: the header has at more than once"),
        (b'customer_no;"kind\n', "line 1: the header is not CSV"),
    ],
    ids=["empty", "utf-16", "cp1252", "missing", "twice", "open quote"],
)
def test_a_csv_file_with_a_wrong_head_is_refused_whole(tmp_path: Path, data: bytes, message: str) -> None:
    """Before anything of it is sent."""
    with pytest.raises(UnreadableFileError) as failure:
        read(tmp_path, data)

    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"customer_no;kind;at;form;extra\n", "new: extra"),
        (b"kind;customer_no;at;form\n", "the order is another"),
    ],
    ids=["new", "moved"],
)
def test_a_header_that_drifted_is_refused_where_the_mapping_says_how_it_is(
    tmp_path: Path, header: bytes, message: str
) -> None:
    """Where it does not, unknown columns are ignored and any order will do."""
    strict = MAPPING.replace('";"}', '";", columns: [customer_no, kind, at, form]}')

    with pytest.raises(UnreadableFileError, match=message):
        read(tmp_path, header, strict)
    assert read(tmp_path, header) == []


def test_csv_rows_have_their_lines_and_places(tmp_path: Path) -> None:
    """Through quotes, empty lines, carriage returns, a byte order mark and a last line without an end."""
    data = b"\xef\xbb\xbf" + HEADER + b'C-1;F;x;"two\r\nlines; ""quoted"""\r\n\n' + b"C-2;F;x;\xc3\xa9"

    first, second = read(tmp_path, data)

    assert first.columns
    assert second.columns
    assert (first.number, first.columns["form"]) == (2, 'two\r\nlines; "quoted"')
    assert (second.number, second.columns["form"], second.after.offset) == (5, "é", len(data))
    assert first.raw.startswith(HEADER + b"C-1;")


def test_bad_csv_lines_do_not_harm_their_neighbours(tmp_path: Path) -> None:
    """Too few fields, a byte that is no UTF-8, a quote that is never closed."""
    data = csv_of(good(1), "C-2;F") + b"C-3;F;x;\xff\n" + b'C-4;F;x;"open\n' + good(5).encode()

    rows = read(tmp_path, data)

    assert [row.number for row in rows if row.columns] == [2, 6]
    assert [(row.number, row.errors[0][1]) for row in rows if not row.columns] == [
        (3, "has 2 fields, and the header 4"),
        (4, "is not utf-8 at byte 8 of the line"),
        (5, "is not CSV: unexpected end of data"),
    ]


def test_bad_json_lines_do_not_harm_their_neighbours(tmp_path: Path) -> None:
    """What is wrong is told for each."""
    rows = read(tmp_path, b'{"a": 1}\n[1]\n{"a"\n\n{"a": 2}\n', JSONL)

    assert [(row.number, row.columns is not None) for row in rows] == [(1, True), (2, False), (3, False), (5, True)]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_avro_records_are_rows(tmp_path: Path, codec: str) -> None:
    """In every codec that Python unpacks."""
    rows = read(tmp_path, avro_of(avro_rows(20), codec), AVRO)

    assert [row.columns for row in rows] == avro_rows(20)
    assert len({row.at for row in rows}) == 20


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "truncated or damaged in the block"),
        (lambda data: data[:-40], "truncated"),
        (lambda data: data.replace(b"deflate", b"shrink1"), "its codec is 'shrink1'"),
        (lambda data: data[:20], "not an Avro container file"),
        (lambda data: b"customer_no;kind", "not an Avro container file"),
        (
            lambda data: avro_of([], schema={**SCHEMA, "fields": SCHEMA["fields"][:2]}),
            "the fields at, form are missing",
        ),
    ],
    ids=["last byte", "last block", "codec", "head", "csv", "fields"],
)
def test_a_damaged_avro_file_is_refused_whole(tmp_path: Path, damage: Any, message: str) -> None:
    """Before anything of it is sent."""
    with pytest.raises(UnreadableFileError) as failure:
        rows_of(io.BytesIO(damage(avro_of(avro_rows(20)))), source(tmp_path, AVRO).mapping, Place())

    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (MAPPING, csv_of(*map(good, range(20))) + b'C-4;F;x;"open\n' + csv_of(good(21))[len(HEADER) :]),
        (JSONL, b"".join(b'{"n": %d}\n' % n for n in range(20))),
        (AVRO, avro_of(avro_rows(20))),
    ],
    ids=["csv", "jsonl", "avro"],
)
def test_reading_goes_on_behind_any_row(tmp_path: Path, text: str, data: bytes) -> None:
    """With the same numbers and places as if it had never stopped."""
    whole = read(tmp_path, data, text)

    for index, row in enumerate(whole):
        assert read(tmp_path, data, text, row.after) == whole[index + 1 :]


@pytest.mark.parametrize(
    ("text", "data"), [(MAPPING, csv_of(*map(good, range(9)))), (AVRO, avro_of(avro_rows(9)))], ids=["csv", "avro"]
)
def test_a_pipe_is_read_as_a_file(tmp_path: Path, text: str, data: bytes) -> None:
    """And every row of it has an id of its own, the same each time."""

    def ids() -> list[str]:
        pipe: Any = Pipe(PipeOf(data), lambda _: None)
        return [pipe.of(row.at) for row in rows_of(pipe, source(tmp_path, text).mapping, Place())]

    found = ids()

    assert (len(found), len(set(found)), ids()) == (9, 9, found)
