"""What a file is, whatever it is called: its content. A repeat of it has the same ids, another one has others.

A file is read once for its hash before its first line is sent. A pipe cannot be: there the hash of everything up to a
line stands for it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

_READ_BYTES = 1024 * 1024


class Identity(Protocol):
    """Tells the place of a row from every other place of every other file."""

    def of(self, at: str) -> str:
        """The natural id of what stands there."""
        ...


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file's SHA-256."""

    digest: str

    def of(self, at: str) -> str:
        """Content and place."""
        return f"file\n{self.digest}\n{at}"


def hash_of_file(file: BinaryIO, advance: Callable[[int], None]) -> FileIdentity:
    """Read a file to its end, and stand at its beginning again."""
    found = hashlib.sha256()
    file.seek(0)
    while part := file.read(_READ_BYTES):
        found.update(part)
        advance(len(part))
    file.seek(0)
    return FileIdentity(found.hexdigest())


class Pipe:
    """A stream that knows how far it was read and what it read; it is its own identity."""

    def __init__(self, file: Any, advance: Callable[[int], None]) -> None:
        self._file, self._advance = file, advance
        self._hash, self._offset = hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        """As a file's, but never less than asked for before the end."""
        return self._noted(self._file.read(size))

    def readline(self, size: int = -1) -> bytes:
        """As a file's."""
        return self._noted(self._file.readline(size))

    def tell(self) -> int:
        """Bytes read."""
        return self._offset

    def seekable(self) -> bool:
        """No."""
        return False

    def of(self, at: str) -> str:
        """All that was read, and the place."""
        return f"pipe\n{self._hash.hexdigest()}\n{at}"

    def _noted(self, data: bytes) -> bytes:
        self._hash.update(data)
        self._offset += len(data)
        self._advance(len(data))
        return data
