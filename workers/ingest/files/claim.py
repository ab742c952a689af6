"""Claims: a file belongs to one worker at a time, and to nobody when that worker is gone.

A claim is a folder of its own in `working/`, with the file, its progress and a lock that the operating system lets go
when its holder ends, however it ends. The file gets there by a rename, so no two workers have it, and a file of the
same name that is dropped meanwhile gets a claim of its own. It leaves with its report, in one rename, to `done/` or
`failed/`. All of it is one file system; on NFS the locks need version 4.
"""

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from workers.ingest.files.tally import Tally

WORKING, DONE, FAILED = "working", "done", "failed"
_LOCK, _PROGRESS, REPORT = ".lock", ".progress.json", ".report.json"
_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


@dataclass(slots=True)
class Claim:
    """One file that is ours until `release` or `finish`."""

    folder: Path
    file: Path
    _lock: int

    @property
    def name(self) -> str:
        """The file's name as it was dropped; bytes that are no UTF-8 are question marks."""
        return self.file.name.encode("utf-8", "replace").decode()

    def saved(self) -> dict[str, Any]:
        """The progress that was kept; empty for a file that nobody has begun, or whose progress is unreadable.

        (Beginning again repeats events, with the same ids.)
        """
        try:
            found = orjson.loads((self.folder / _PROGRESS).read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def save(self, digest: str, tally: Tally) -> None:
        """Keep how far the file is read, whole or not at all."""
        _write(self.folder / _PROGRESS, {"digest": digest, "tally": tally.shown()})

    def finish(self, where: str, report: dict[str, Any]) -> Path:
        """Move the file and its report away; where they are now."""
        _write(self.folder / f"{self.file.name}{REPORT}", report)
        target = self.folder.parent.parent / where / self.folder.name
        self.folder.rename(target)
        _sync(target.parent)
        for name in (_PROGRESS, _LOCK):
            (target / name).unlink(missing_ok=True)
        os.close(self._lock)
        return target

    def release(self) -> None:
        """Let another worker go on with it."""
        os.close(self._lock)


class Drop:
    """One watched folder."""

    def __init__(self, folder: Path, pattern: str, settle_s: float) -> None:
        self._folder, self._pattern, self._settle_s = folder, pattern, settle_s

    def prepare(self) -> None:
        """Make the folders inside. Raises OSError when that is not allowed."""
        for name in (WORKING, DONE, FAILED):
            (self._folder / name).mkdir(exist_ok=True)

    def waiting(self) -> list[tuple[float, Path]]:
        """Files that may be claimed, the oldest first, with the time of their last change."""
        meant = ((_changed(path), path) for path in self._folder.iterdir() if self._is_meant(path))
        return sorted((changed, path) for changed, path in meant if changed is not None)

    def claim(self, now: datetime) -> Claim | None:
        """A file that a gone worker left, else the oldest one that waits; None when there is none."""
        for folder in sorted((self._folder / WORKING).iterdir()):
            if claim := _take_over(folder):
                return claim
        for changed, path in self.waiting():
            if time.time() - changed >= self._settle_s and (claim := self._take(path, now)):
                return claim
        return None

    def _take(self, path: Path, now: datetime) -> Claim | None:
        folder = self._folder / WORKING / f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}-{path.name[:150]}"
        folder.mkdir()
        lock = _locked(folder)
        if lock is None:  # another worker took our new folder for an abandoned one
            return None
        try:
            path.rename(folder / path.name)
        except FileNotFoundError:
            _remove(folder, lock)
            return None
        _sync(folder)
        _sync(self._folder)
        return Claim(folder, folder / path.name, lock)

    def _is_meant(self, path: Path) -> bool:
        name = path.name
        is_hidden = name.startswith(".") or name.endswith(_UNFINISHED)
        return not is_hidden and fnmatchcase(name, self._pattern) and path.is_file() and not path.is_symlink()


def _take_over(folder: Path) -> Claim | None:
    """What a gone worker left; None when its holder lives."""
    lock = _locked(folder)
    if lock is None:
        return None
    file = _content(folder)
    if file is None:
        _remove(folder, lock)
        return None
    return Claim(folder, file, lock)


def _content(folder: Path) -> Path | None:
    """The dropped file: what is hidden is ours, and its report has a longer name."""
    return min((path for path in folder.iterdir() if not path.name.startswith(".")), key=_length, default=None)


def _length(path: Path) -> int:
    return len(path.name)


def _locked(folder: Path) -> int | None:
    """A lock on a claim; None when another one holds it, or the claim is over."""
    path = folder / _LOCK
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == path.stat().st_ino:  # else the claim ended while we waited for its lock
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(lock)
    return None


def _remove(folder: Path, lock: int) -> None:
    """An empty claim. A folder that is not empty after all stays."""
    (folder / _LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
    os.close(lock)


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another worker has it
        return None


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.parent / f".{path.name.lstrip('.')}.new"
    with draft.open("wb") as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """A rename outlives a power cut once its folder is on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
