"""Ids and where they first stood, in 16-byte digests: about 37 bytes an id, where a dict of Python takes 170.

An open-addressing table of positions in three arrays, which are in the order of arrival: the oldest leave in
front. A reference in the table to what has left is passed over, and swept when the table is built anew.
"""

from array import array
from collections.abc import Iterator

DIGEST_BYTES = 16

_LEAST = 16


class IdTable:
    """One table. `where` is any 64-bit number that says where an id stands, `second` when that was."""

    __slots__ = ("_base", "_digests", "_index", "_mask", "_used", "seconds", "where")

    def __init__(self) -> None:
        self._digests = bytearray()
        self.where = array("Q")
        self.seconds = array("I")
        self._base = 0  # arrivals that have left
        self._renew(0)

    def __len__(self) -> int:
        return len(self.where)

    @property
    def size(self) -> int:
        """Bytes that it takes, what is reserved for growth included."""
        parts = (self._digests, self.where, self.seconds, self._index)
        return sum(part.__sizeof__() for part in parts)

    def find(self, digest: bytes) -> int:
        """Where in the order of arrival an id stands; -1 when it is not here."""
        index, mask, digests, base = self._index, self._mask, self._digests, self._base + 1
        slot = int.from_bytes(digest[:8]) & mask
        while reference := index[slot]:
            at = reference - base
            if at >= 0 and digests[at * 16 : at * 16 + 16] == digest:
                return at
            slot = (slot + 1) & mask
        return -1

    def append(self, digest: bytes, where: int, second: int) -> None:
        """Add an id that is not here."""
        if 3 * self._used >= 2 * len(self._index):
            self._renew(len(self))
        self._digests += digest
        self.where.append(where)
        self.seconds.append(second)
        self._refer(digest, self._base + len(self.where))

    def drop_before(self, second: int) -> None:
        """Let the oldest go, as long as they are older."""
        count = 0
        for at in self.seconds:
            if at >= second:
                break
            count += 1
        if count:
            self.drop_oldest(count)

    def drop_oldest(self, count: int) -> None:
        """Let so many of the oldest go."""
        del self._digests[: count * DIGEST_BYTES]
        del self.where[:count]
        del self.seconds[:count]
        self._base += count

    def _refer(self, digest: bytes, reference: int) -> None:
        """Into the first slot that is free; what has left leaves one free."""
        index, mask, base = self._index, self._mask, self._base
        slot = int.from_bytes(digest[:8]) & mask
        while index[slot] > base:
            slot = (slot + 1) & mask
        self._used += not index[slot]
        index[slot] = reference

    def _renew(self, count: int) -> None:
        """A table for twice as many, without what has left."""
        size = _LEAST
        while size < 2 * (count + 1):
            size *= 2
        self._index, self._mask, self._used, self._base = array("I", bytes(4 * size)), size - 1, 0, 0
        for at, digest in enumerate(self._all()):
            self._refer(digest, at + 1)

    def _all(self) -> Iterator[bytes]:
        for begin in range(0, len(self._digests), DIGEST_BYTES):
            yield bytes(self._digests[begin : begin + DIGEST_BYTES])
