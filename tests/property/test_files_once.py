"""Wherever the process ends, the next one goes on: every line is in the log, and a repeat has the same id."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UnconfirmedError
from tests.support.files import Crash, Log, csv_of, good, never, source, worker
from tests.support.ingest import NOW
from workers.ingest.files import transfer
from workers.ingest.files.claim import Drop
from workers.ingest.files.hooks import FileOutcome

LINES = 23


def lines() -> list[str]:
    """Good ones, and every seventh a bad one."""
    return [f"C-{n};F" if n % 7 == 0 else good(n) for n in range(1, LINES + 1)]


@settings(max_examples=40)
@given(
    crashes=st.lists(st.integers(1, LINES), max_size=5),
    unconfirmed=st.sets(st.integers(1, 60), max_size=10),
    chunk=st.integers(1, 10),
)
def test_any_crash_point_skips_nothing(crashes: list[int], unconfirmed: set[int], chunk: int) -> None:
    """Crashes before any record, answers that never come, chunks of any size: nothing is skipped, ids stay."""
    with tempfile.TemporaryDirectory() as name:
        log = _played(Path(name), crashes, unconfirmed, chunk)

    ids = {str(event["form"]): str(event["event_id"]) for event in log.events()}
    assert set(ids) == {f"form-{n}" for n in range(1, LINES + 1) if n % 7}
    assert len(set(ids.values())) == len(ids)
    assert {(str(event["form"]), str(event["event_id"])) for event in log.events()} == set(ids.items())
    letters = {(letter["dlq.place"], letter["dlq.signal_id"]) for letter in log.letters()}
    assert {place for place, _ in letters} == {f"a.csv line {n + 1}" for n in (7, 14, 21)}
    assert len(letters) == 3


def _played(folder: Path, crashes: list[int], unconfirmed: set[int], chunk: int) -> Log:
    watched = folder / "in"
    watched.mkdir()
    (watched / "a.csv").write_bytes(csv_of(*lines()))
    drop, one, left = Drop(watched, "*", 0), source(folder), list(crashes)
    drop.prepare()
    tries = [0]

    def fails(_: int) -> BaseException | None:
        tries[0] += 1
        if left and tries[0] >= left[0]:
            left.pop(0)
            tries[0] = 0
            return Crash()
        return UnconfirmedError("no answer") if tries[0] in unconfirmed else None

    log = Log(fails)
    usual, transfer._CHUNK_ROWS = transfer._CHUNK_ROWS, chunk
    try:
        while claim := drop.claim(NOW):
            try:
                assert worker(log).finish(one, claim, never) is FileOutcome.WITH_BAD_LINES
            except Crash:
                claim.release()  # what the operating system does
    finally:
        transfer._CHUNK_ROWS = usual
    return log
