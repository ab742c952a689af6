"""One file from its claim to its report: hashed, read on where it was left, sent, moved away."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from common.clock import Clock
from common.errors import UnreadableFileError
from workers.ingest.files.claim import DONE, FAILED, Claim
from workers.ingest.files.hooks import FileHook, FileOutcome
from workers.ingest.files.identity import FileIdentity, Identity, hash_of_file
from workers.ingest.files.letters import FileLetters
from workers.ingest.files.mapping import Mapping
from workers.ingest.files.read import rows_of
from workers.ingest.files.tally import Tally
from workers.ingest.files.transfer import Door, Stop, Transfer
from workers.ingest.files.translate import Translation
from workers.ingest.letters import IngestLetters
from workers.lines import Progress

_log = logging.getLogger(__name__)

_SAVE_S = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    """What a configured source of files is: its name, its mapping compiled, and how many bad lines it may have."""

    name: str
    mapping: Mapping
    translate: Translation
    bad_max: int


class FileWorker:
    """Sends files; `save_s` is how often the progress of one is kept."""

    def __init__(
        self, door: Door, letters: IngestLetters, clock: Clock, hook: FileHook, progress: Progress,
        save_s: float = _SAVE_S,
    ) -> None:  # fmt: skip
        self._door, self._letters, self._clock, self._hook = door, letters, clock, hook
        self._progress, self._save_s = progress, save_s

    def finish(self, source: Source, claim: Claim, stop: Stop) -> FileOutcome | None:
        """Send a claimed file and move it away; None when told to stop before: another worker goes on with it."""
        began_at, saved = self._clock.now(), claim.saved()
        tally = Tally()
        with claim.file.open("rb") as file:
            size = file.seek(0, 2)
            self._progress.begin(f"checking {claim.name}", size)

            def seen(read_bytes: int) -> None:
                self._progress.advance(read_bytes)
                stop(0)  # a large file takes minutes: whoever watches us sees that we live

            identity = hash_of_file(file, seen)
            if saved.get("digest") == identity.digest:
                tally = _tally(saved)
            error = ""
            try:
                self._progress.begin(f"sending {claim.name}", size)
                if not self._send_claimed(source, claim, file, identity, tally, stop):
                    claim.release()
                    return None
                if file.seek(0, 2) != size:
                    raise UnreadableFileError("was written to while it was read: drop files whole, by a rename")
            except UnreadableFileError as refused:
                error = str(refused)
        return self._move(source, claim, tally, error, {"began_at": began_at, "sha256": identity.digest, "bytes": size})

    def send(
        self, source: Source, name: str, file: BinaryIO, identity: Identity, tally: Tally, stop: Stop,
        save: Callable[[], None] = lambda: None,
    ) -> bool:  # fmt: skip
        """Send what is behind `tally.after`; whether it was sent to its end. Raises UnreadableFileError."""
        letters = FileLetters(self._letters, source.name, name, source.mapping.format)
        transfer = Transfer(self._door, letters, source.translate, identity, self._clock, stop)
        saved_at = self._clock.monotonic()
        self._progress.advance(tally.after.offset)
        before = _counts(tally)
        at = tally.after.offset
        for _ in transfer.send(rows_of(file, source.mapping, tally.after), tally):
            self._hook.sent(source.name, *(now - then for now, then in zip(_counts(tally), before, strict=True)))
            before = _counts(tally)
            if file.seekable():
                self._progress.advance(tally.after.offset - at)
                at = tally.after.offset
            if self._clock.monotonic() - saved_at >= self._save_s:
                save()
                saved_at = self._clock.monotonic()
            if tally.bad > source.bad_max:
                raise UnreadableFileError(f"has more than {source.bad_max} bad lines: is it the right mapping?")
        is_whole = not transfer.is_stopped
        save()
        return is_whole

    def _send_claimed(
        self, source: Source, claim: Claim, file: BinaryIO, identity: FileIdentity, tally: Tally, stop: Stop
    ) -> bool:
        return self.send(
            source, claim.name, file, identity, tally, stop, lambda: claim.save(identity.digest, tally)
        )  # fmt: skip

    def _move(self, source: Source, claim: Claim, tally: Tally, error: str, facts: dict[str, Any]) -> FileOutcome:
        outcome = FileOutcome.FAILED if error else FileOutcome.WITH_BAD_LINES if tally.bad else FileOutcome.DONE
        report = {
            "file": claim.name,
            "source": source.name,
            "topic": source.mapping.topic,
            "outcome": outcome,
            **({"error": error} if error else {}),
            **facts,
            "ended_at": self._clock.now(),
            "stored": tally.stored,
            "bad": tally.bad,
            "substitutes": tally.substitutes,
            "unknown_types": tally.unknown_types,
            "first_bad": [{"number": one.number, "errors": one.errors} for one in tally.first_bad],
        }
        where = claim.finish(FAILED if error else DONE, report)
        self._hook.ended(source.name, outcome)
        level = logging.INFO if outcome is FileOutcome.DONE else logging.WARNING
        _log.log(
            level, "%s: %s, %d stored, %d bad%s", where, outcome, tally.stored, tally.bad, f": {error}" if error else ""
        )
        return outcome


def _counts(tally: Tally) -> tuple[int, int, int, int]:
    return tally.stored, tally.bad, tally.substitutes, tally.unknown_types


def _tally(saved: dict[str, Any]) -> Tally:
    try:
        return Tally.restored(saved["tally"])
    except (KeyError, TypeError):  # of another version: begun again, with the same ids
        return Tally()
