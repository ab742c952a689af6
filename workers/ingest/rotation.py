"""Secrets that change while the webhook runs: their files are looked at again, no restart is needed."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event

from common.errors import CommfleetError
from workers.ingest.config import SourceConfig

log = logging.getLogger(__name__)

Sources = Mapping[str, SourceConfig]

_VARIABLES = "COMMFLEET_INGEST__WEBHOOK__SOURCES__"


def secret_files(env: Mapping[str, str]) -> list[Path]:
    """The files that hold secrets of sources, as the environment names them."""
    return [Path(value) for name, value in env.items() if name.startswith(_VARIABLES) and name.endswith("_FILE")]


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


def follow(
    watch: Watch,
    reread: Callable[[], Sources],
    sources: Sources,
    recognise: Callable[[Sources], None],
    stop: Event,
    every_s: float,
) -> None:
    """Until told to stop, look every so often; where a file changed, recognise senders by the new secrets.

    Whatever else changed in the settings waits for a restart. What cannot be read keeps the old secrets.
    """
    while not stop.wait(every_s):
        if not watch.has_changed():
            continue
        try:
            recognise(with_secrets(sources, reread()))
        except CommfleetError as error:
            log.error("secrets were not read again, the old ones stay valid: %s", error)
        else:
            log.info("secrets of the sources were read again")


def with_secrets(sources: Sources, read: Sources) -> dict[str, SourceConfig]:
    """The sources as they were, with the way to authenticate that was read now."""
    return {
        name: source.model_copy(update={"auth": read[name].auth}) if name in read else source
        for name, source in sources.items()
    }


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
