"""The watch: folder after folder, file after file, until told to stop."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from common.clock import Clock
from common.errors import FatalError
from workers.ingest.files.claim import Drop
from workers.ingest.files.hooks import FileHook
from workers.ingest.files.transfer import Stop
from workers.ingest.files.work import FileWorker, Source


@dataclass(frozen=True, slots=True)
class Watched:
    """One folder, what its files are, and how often it is looked at."""

    source: Source
    drop: Drop
    interval_s: float


class Watch:
    """Takes files from folders. One thread; `status_at` moves while it is alive."""

    def __init__(self, watched: Sequence[Watched], worker: FileWorker, clock: Clock, hook: FileHook) -> None:
        self._watched, self._worker, self._clock, self._hook = watched, worker, clock, hook
        self.is_ready, self.status_at = False, 0.0

    def serve(self, stop: Stop) -> None:
        """Work until told to stop. Raises FatalError when a folder cannot be used, or the producer is beyond repair."""

        def noted(seconds: float) -> bool:
            self.status_at = self._clock.monotonic()
            return stop(seconds)

        try:
            for one in self._watched:
                one.drop.prepare()
            self.is_ready = True
            while not noted(0):
                if not self.turn(noted) and noted(min(one.interval_s for one in self._watched)):
                    return
        except OSError as error:
            raise FatalError(
                f"{error.filename or 'a watched folder'}: {error.strerror}; the worker needs to read, write and rename "
                "in the folder and in working/, done/ and failed/ inside it"
            ) from error

    def turn(self, stop: Stop) -> bool:
        """One file of each folder; whether there was one."""
        was_any = False
        for one in self._watched:
            self._tell(one)
            claim = one.drop.claim(self._clock.now())
            if claim is not None:
                was_any = True
                if self._worker.finish(one.source, claim, stop) is None:
                    return was_any
        return was_any

    def _tell(self, one: Watched) -> None:
        waiting = one.drop.waiting()
        oldest_s = max(0.0, time.time() - waiting[0][0]) if waiting else 0.0
        self._hook.waiting(one.source.name, len(waiting), oldest_s)
