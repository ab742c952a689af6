"""Secrets that change while a worker runs: their files are looked at again, no restart is needed.

A secret manager replaces the files that `COMMFLEET_…_FILE` names; whatever else changed in the settings waits for a
restart. What cannot be read keeps the secrets there were, and is told.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, SecretStr

from common.errors import CommfleetError

log = logging.getLogger(__name__)

S = TypeVar("S", bound=BaseModel)
S_co = TypeVar("S_co", covariant=True)
P = TypeVar("P")


def secret_files(env: Mapping[str, str], variables: str) -> list[Path]:
    """The files that hold secrets of a part of the settings: the variables that begin so and end in _FILE."""
    return [Path(value) for name, value in env.items() if name.startswith(variables) and name.endswith("_FILE")]


class Watch:
    """Tells whether any of these files is another one than at the last look; a mounted secret is replaced whole."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)
        self._seen = self._stamps()

    def has_changed(self) -> bool:
        """Whether there is something to read again."""
        before, self._seen = self._seen, self._stamps()
        return before != self._seen

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(file) for file in self._files]


class Latest(Protocol[S_co]):
    """A part of the settings with the secrets of this moment. Thread-safe."""

    def __call__(self) -> S_co:
        """As the files say; they are read when they are other ones than before."""
        ...

    def fresh(self) -> S_co:
        """As the files say, read in any case: the vendor refused what we had."""
        ...


class Fixed(Generic[P]):
    """A part of the settings whose secrets do not change."""

    def __init__(self, part: P) -> None:
        self._part = part

    def __call__(self) -> P:
        """As it always was."""
        return self._part

    def fresh(self) -> P:
        """As it always was."""
        return self._part


class Rotating(Generic[S]):
    """A section whose secrets stand in files. A look costs one stat a file."""

    def __init__(self, section: S, files: Iterable[Path], reread: Callable[[], S]) -> None:
        self._section, self._watch, self._reread = section, Watch(files), reread
        self._lock = threading.Lock()

    def __call__(self) -> S:
        """The section with the secrets that its files hold."""
        with self._lock:
            if self._watch.has_changed():
                self._read()
            return self._section

    def fresh(self) -> S:
        """The same, whatever the stamps of the files say: on some file systems they are coarse."""
        with self._lock:
            self._watch.has_changed()
            self._read()
            return self._section

    def _read(self) -> None:
        try:
            read = with_secrets(self._section, self._reread())
        except CommfleetError as error:
            log.error("secrets were not read again, the old ones stay in use: %s", error)
            return
        if read != self._section:
            log.info("secrets were read again, and are other ones")
        self._section = read


class Part(Generic[S, P]):
    """What `pick` takes of a section."""

    def __init__(self, whole: Latest[S], pick: Callable[[S], P]) -> None:
        self._whole, self._pick = whole, pick

    def __call__(self) -> P:
        """As the files say."""
        return self._pick(self._whole())

    def fresh(self) -> P:
        """As the files say, read in any case."""
        return self._pick(self._whole.fresh())


def with_secrets(section: S, read: S) -> S:
    """A section as it was, with the secrets that were read now, at whatever depth."""
    names = type(section).model_fields
    update = {name: _with_secrets(getattr(section, name), getattr(read, name)) for name in names}
    return section.model_copy(update=update)


def _with_secrets(old: Any, new: Any) -> Any:
    match old, new:
        case SecretStr(), SecretStr():
            return new
        case BaseModel(), BaseModel() if type(old) is type(new):
            return with_secrets(old, new)
        case dict(), dict():
            return {name: _with_secrets(value, new[name]) if name in new else value for name, value in old.items()}
    return old


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
