"""What a commit says beside its offset: who wrote it, and which records above it are done.

The text is a version, the owner's nonce and a bitmap in base 64: bit n is "the record at offset +
n is wholly done". Kafka keeps at most 4,095 characters of metadata with an offset (measured), so
the bitmap reaches MAX_SPAN records above the watermark. The bitmap knows nothing of flows: a deploy
cannot invalidate it.
"""

import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping

from common.errors import ConfigurationError
from common.event import Commit
from workers.sinks.progress import Progress

VERSION = "1"
NONCE_LENGTH = 8
MAX_CHARACTERS = 4095
MAX_SPAN = (MAX_CHARACTERS - len(VERSION) - NONCE_LENGTH) // 4 * 3 * 8


class ForeignCommitError(ConfigurationError):
    """A commit that we did not write: somebody reset the offsets, or a newer release did."""


def new_nonce() -> str:
    """A name for one owner of a partition; two owners never share one."""
    return secrets.token_urlsafe(6)


def commit_of(progress: Progress, nonce: str, settled: Mapping[int, int] | None = None) -> Commit:
    """The commit that makes `progress` durable, with `settled` (offset -> deliveries) counted as done."""
    still_open = list(progress.open_with(settled or {}))
    watermark = still_open[0] if still_open else progress.position
    return Commit(watermark, VERSION + nonce + _bitmap(watermark, progress.position, still_open))


def done_above(commit: Commit) -> frozenset[int]:
    """The offsets that a former owner finished above its watermark.

    Raises ForeignCommitError when the metadata is not ours, or of a version that we cannot read.
    """
    text = commit.metadata
    if not text.startswith(VERSION) or len(text) < len(VERSION) + NONCE_LENGTH:
        raise ForeignCommitError(
            f"offset {commit.offset} was committed with metadata {text[:12]!r}, which is not of version {VERSION}: "
            "offsets were reset by another tool, or a newer release wrote them"
        )
    try:
        bits = b64decode(text[len(VERSION) + NONCE_LENGTH :], validate=True)
    except Base64Error as error:
        raise ForeignCommitError(f"offset {commit.offset} carries a damaged map: {error}") from error
    return frozenset(
        commit.offset + index * 8 + bit
        for index, byte in enumerate(bits)
        if byte
        for bit in range(8)
        if byte >> bit & 1
    )


def nonce_of(commit: Commit) -> str:
    """The owner that wrote a commit."""
    return commit.metadata[len(VERSION) : len(VERSION) + NONCE_LENGTH]


def _bitmap(watermark: int, position: int, still_open: Iterable[int]) -> str:
    span = position - watermark
    if not span:
        return ""
    bits = bytearray(b"\xff" * (span // 8) + bytes([(1 << span % 8) - 1]))
    for offset in still_open:
        bits[(offset - watermark) >> 3] ^= 1 << ((offset - watermark) & 7)
    return b64encode(bits.rstrip(b"\0")).decode()
