"""The file feed (§3, directory channel): a file appears whole under its name, or not at all."""

import csv
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import orjson

from workers.sinks.exstream.config import FeedConfig, FeedFormat

Record = Mapping[str, str]


def written(records: Sequence[Record], config: FeedConfig) -> bytes:
    """A file's content: what a value holds cannot end its field or its record. Pure."""
    if config.format is FeedFormat.JSON:
        return b"".join(orjson.dumps(record) + b"\n" for record in records)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(config.columns.values()), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def name_of(content: bytes, config: FeedConfig, now: datetime) -> str:
    """Names sort by time; two workers never write the same one, unless it is the same file."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
    return f"{config.prefix}{stamp}-{hashlib.sha256(content).hexdigest()[:12]}.{config.format}"


def drop(content: bytes, name: str, directory: Path) -> None:
    """Write a file and let it appear; raises OSError, and leaves nothing half-written under the name.

    The temporary name begins with a dot and ends in `.part`, so that no channel's pattern picks it up.
    """
    part = directory / f".{name}.part"
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(directory / name)
        _sync(directory)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def is_writable(directory: Path) -> bool:
    """Whether files can be dropped there; writes nothing."""
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)


def _sync(directory: Path) -> None:
    """Make the name durable as well."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
