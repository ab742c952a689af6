"""What a commit says beside its offset: who wrote it, which records above it are done, and what may be on its way.

The text is a version, the owner's nonce, a bitmap in base 64 (bit n: the record at offset + n is wholly
done), a dot, and entries of four bytes in base 64: 15 bits of offset above the commit's, one bit (0 settled,
1 intent), 16 bits of the flow's name. Kafka keeps at most 4,095 characters of metadata with an offset
(measured). The bitmap knows nothing of flows: a deploy cannot invalidate it.

What must be remembered (intents, and settled once-deliveries of open records) is counted before anything is
named, see `room`; settled repeatable ones are left out where there is no space: they may be repeated.
"""

import secrets
import struct
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Collection, Iterable, Iterator

from common.errors import ConfigurationError
from common.event import Commit
from workers.sinks.progress import NOBODY, Inherited, Mark, Progress, Settled

VERSION = "1"
NONCE_LENGTH = 8
MAX_CHARACTERS = 4095
MAX_SPAN = 10_000
"""Offsets from watermark to position that a window may hold: their bitmap takes 1,668 characters."""

_HEAD = len(VERSION) + NONCE_LENGTH
_ENTRY = struct.Struct(">HH")
_INTENT = 1 << 15


class ForeignCommitError(ConfigurationError):
    """A commit that we did not write: somebody reset the offsets, or a newer release did."""


def new_nonce() -> str:
    """A name for one owner of a partition; two owners never share one."""
    return secrets.token_urlsafe(6)


def room(progress: Progress, span: int, is_once: Callable[[int], bool]) -> int:
    """How many more intents a commit of this progress can name while the window holds at most `span` offsets."""
    bitmap = (max(progress.span, span) // 8 + 3) // 3 * 4
    entries = (MAX_CHARACTERS - _HEAD - 1 - bitmap) // 16 * 3
    kept = sum(is_once(flow) for flows in progress.partly.values() for flow in flows)
    unread = len(progress.inherited.settled) + len(progress.inherited.intents)
    return entries - kept - unread - len(progress.intents)


def commit_of(
    progress: Progress, nonce: str, settled: Settled | None = None, is_once: Callable[[int], bool] = lambda _: True
) -> Commit:
    """The commit that makes `progress` durable, with `settled` counted as done."""
    settled = settled or {}
    still_open = list(progress.open_with(settled))
    watermark = still_open[0] if still_open else progress.position
    unread = progress.inherited.above(progress.position) if progress.inherited else progress.inherited
    head = VERSION + nonce + _bitmap(watermark, progress.position, still_open, unread.done)
    entries = _entries(progress, settled, still_open, watermark, is_once)
    entries += [(_INTENT | (mark.offset - watermark), mark.flow) for mark in unread.intents]
    entries += [(mark.offset - watermark, mark.flow) for mark in unread.settled]
    space = (MAX_CHARACTERS - len(head) - 1) // 16 * 3
    listed = b"".join(_ENTRY.pack(high, flow) for high, flow in entries[:space])
    return Commit(watermark, f"{head}.{b64encode(listed).decode()}" if listed else head)


def read_commit(commit: Commit) -> Inherited:
    """What a commit's owner left.

    Raises ForeignCommitError when the metadata is not ours, or of a version that we cannot read.
    """
    text = commit.metadata
    if not text.startswith(VERSION) or len(text) < _HEAD:
        raise ForeignCommitError(
            f"offset {commit.offset} was committed with metadata {text[:12]!r}, which is not of version {VERSION}: "
            "offsets were reset by another tool, or a newer release wrote them"
        )
    bitmap, _, listed = text[_HEAD:].partition(".")
    try:
        bits, entries = b64decode(bitmap, validate=True), b64decode(listed, validate=True)
        marks = list(_ENTRY.iter_unpack(entries))
    except (Base64Error, struct.error) as error:
        raise ForeignCommitError(f"offset {commit.offset} carries a damaged map: {error}") from error
    return Inherited(
        frozenset(_offsets(commit.offset, bits)),
        frozenset(Mark(commit.offset + high, flow) for high, flow in marks if not high & _INTENT),
        frozenset(Mark(commit.offset + (high & ~_INTENT), flow) for high, flow in marks if high & _INTENT),
    )


def nonce_of(commit: Commit) -> str:
    """The owner that wrote a commit; empty when the commit is not of our version."""
    return commit.metadata[len(VERSION) : _HEAD] if commit.metadata.startswith(VERSION) else ""


def _entries(
    progress: Progress, settled: Settled, still_open: list[int], watermark: int, is_once: Callable[[int], bool]
) -> list[tuple[int, int]]:
    """Intents first, then what is settled of open records, once-actions before others."""
    if not progress.intents and not progress.partly and not settled:
        return []
    is_open = set(still_open)
    intents = [
        (_INTENT | (mark.offset - watermark), mark.flow)
        for mark in progress.intents
        if mark.offset in is_open and mark.flow not in settled.get(mark.offset, ())
    ]
    done = [Mark(offset, flow) for offset, flows in progress.partly.items() if offset in is_open for flow in flows]
    done += [Mark(o, flow) for o, flows in settled.items() if o in is_open for flow in flows if flow != NOBODY]
    done.sort(key=lambda mark: not is_once(mark.flow))
    return [*intents, *((mark.offset - watermark, mark.flow) for mark in done)]


def _offsets(first: int, bits: bytes) -> Iterator[int]:
    return (first + index * 8 + bit for index, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1)


def _bitmap(watermark: int, position: int, still_open: Iterable[int], unread: Collection[int]) -> str:
    span = position - watermark
    end = max(unread) + 1 - watermark if unread else span
    bits = bytearray(b"\xff" * (span // 8) + bytes([(1 << span % 8) - 1]) + bytes(max(0, end - span) // 8 + 1))
    for offset in still_open:
        bits[(offset - watermark) >> 3] ^= 1 << ((offset - watermark) & 7)
    for offset in unread:
        bits[(offset - watermark) >> 3] |= 1 << ((offset - watermark) & 7)
    return b64encode(bits.rstrip(b"\0")).decode()
