"""Avro container files (Avro 1.12, Object Container Files), a block at a time, from any block on."""

from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from fastavro import block_reader

from common.errors import UnreadableFileError
from schemas.safety import danger

CODECS = ("null", "deflate", "bzip2", "xz")
"""What Python unpacks by itself."""

_BLOCK_MAX_BYTES = 64 * 1024 * 1024
_SYNC_BYTES = 16
_VARINT_MAX_BYTES = 10


class AvroFile:
    """One container file. Raises UnreadableFileError for what is none, or has a codec that we do not unpack."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        try:
            self._blocks = block_reader(file)
            codec, schema = str(self._blocks.codec), self._blocks.writer_schema
        except Exception as error:  # fastavro promises nothing about garbage
            raise UnreadableFileError(
                f"is not an Avro container file ({type(error).__name__}: {error})"[:300]
            ) from error
        if codec not in CODECS:
            raise UnreadableFileError(f"its codec is {codec!r}; write it with one of {', '.join(CODECS)}")
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise UnreadableFileError("its schema is not a record, so that it has no columns")
        if why := danger(schema):
            raise UnreadableFileError(f"its schema is not safe to read with: {why}")
        self.columns = [str(field["name"]) for field in schema["fields"]]
        self._begin = file.tell()

    def check_whole(self) -> None:
        """Look at the frame of every block, unpacking none. Raises UnreadableFileError for a truncated file."""
        file = self._file
        file.seek(self._begin - _SYNC_BYTES)
        sync, end = file.read(_SYNC_BYTES), file.seek(0, 2)
        offset = self._begin
        while offset < end:
            file.seek(offset)
            count, size = self._number(offset), self._number(offset)
            if count < 0 or size < 0 or size > _BLOCK_MAX_BYTES:
                raise UnreadableFileError(f"the block at byte {offset} claims {size} bytes: damaged, or too large")
            file.seek(size, 1)
            if file.read(_SYNC_BYTES) != sync:
                raise UnreadableFileError(f"is truncated or damaged in the block at byte {offset} of {end}")
            offset = file.tell()
        file.seek(self._begin)

    def records(self, offset: int = 0, skip: int = 0) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Block, index in it and record, from a block on, without its first `skip`. Raises UnreadableFileError."""
        if offset:
            self._file.seek(offset)
        at = offset or self._begin
        try:
            for block in self._blocks:
                at = block.offset
                for index, record in enumerate(block):
                    if index >= skip:
                        yield at, index, cast(dict[str, Any], record)
                skip = 0
        except Exception as error:  # as above; the yield raises nothing
            what = f"{type(error).__name__}: {error}"[:200]
            raise UnreadableFileError(f"cannot be read on in the block at or behind byte {at}: {what}") from error

    def _number(self, offset: int) -> int:
        """Zig-zag and base 128."""
        value = shift = 0
        for _ in range(_VARINT_MAX_BYTES):
            byte = self._file.read(1)
            if not byte:
                break
            value |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                return (value >> 1) ^ -(value & 1)
        raise UnreadableFileError(f"is truncated in the head of the block at byte {offset}")
