"""A file belongs to one worker, ends with its report, and waits for nobody who is gone."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from common.errors import RecordTooLargeError, UnconfirmedError
from tests.support.files import Log, csv_of, good, never, source, told_to_stop_after, worker
from tests.support.ingest import NOW
from workers.ingest.files.claim import Drop
from workers.ingest.files.hooks import FileOutcome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A watched folder."""
    path = tmp_path / "in"
    path.mkdir()
    Drop(path, "*", 0).prepare()
    return path


def report(folder: Path, where: str) -> dict[str, Any]:
    """The only report there."""
    (found,) = (folder / where).glob("*/*.report.json")
    content: dict[str, Any] = json.loads(found.read_text())
    return content


def finished(tmp_path: Path, folder: Path, log: Log, **more: Any) -> FileOutcome | None:
    """What became of the file that waits."""
    claim = Drop(folder, "*", 0).claim(NOW)
    assert claim is not None
    return worker(log).finish(source(tmp_path, **more), claim, never)


def test_two_workers_never_take_one_file(folder: Path) -> None:
    """Nor what another one is working on."""
    (folder / "a.csv").write_bytes(b"x")
    drop = Drop(folder, "*", 0)

    claim = drop.claim(NOW)

    assert claim is not None
    assert Drop(folder, "*", 0).claim(NOW) is None
    claim.release()
    again = Drop(folder, "*", 0).claim(NOW)
    assert again is not None
    assert again.file == claim.file


def test_a_second_file_of_the_same_name_harms_nobody(folder: Path) -> None:
    """Both are taken, and both are kept."""
    drop = Drop(folder, "*", 0)
    (folder / "report.json").write_bytes(b"first")
    first = drop.claim(NOW)
    (folder / "report.json").write_bytes(b"second")
    second = drop.claim(NOW)

    assert first
    assert second
    places = [claim.finish("done", {"n": 1}) / "report.json" for claim in (first, second)]
    assert [place.read_bytes() for place in places] == [b"first", b"second"]


def test_what_is_being_written_is_left_alone(folder: Path) -> None:
    """Hidden and temporary names, folders, other patterns, and files that changed just now."""
    for name in (".a.csv", "a.csv.part", "a.csv.tmp", "a.txt", "fresh.csv"):
        (folder / name).write_bytes(b"x")
    assert Drop(folder, "*.csv", 60).claim(NOW) is None

    then = time.time() - 61
    os.utime(folder / "fresh.csv", (then, then))
    claim = Drop(folder, "*.csv", 60).claim(NOW)
    assert claim is not None
    assert claim.name == "fresh.csv"


def test_an_abandoned_claim_without_its_file_is_cleared_away(folder: Path) -> None:
    """A worker that died between making the claim and taking the file leaves the file where it was."""
    (folder / "working" / "x").mkdir()
    (folder / "a.csv").write_bytes(b"x")

    claim = Drop(folder, "*", 0).claim(NOW)

    assert claim is not None
    assert [path.name for path in (folder / "working").iterdir()] == [claim.folder.name]


def test_a_file_with_bad_lines_is_done_and_its_report_names_them(tmp_path: Path, folder: Path) -> None:
    """Good lines are events, bad ones are letters that tell file and line and can be read by themselves."""
    (folder / "a.csv").write_bytes(csv_of(good(1), "C-2;X;21.11.2026 10:00;f", good(3)))
    log = Log()

    assert finished(tmp_path, folder, log) is FileOutcome.WITH_BAD_LINES

    found = report(folder, "done")
    assert (found["stored"], found["bad"], found["file"]) == (2, 1, "a.csv")
    assert [one["number"] for one in found["first_bad"]] == [3]
    (letter,) = log.letters()
    assert (letter["dlq.place"], letter["dlq.source"], letter["dlq.way"]) == ("a.csv line 3", "crm", "file")
    assert letter["raw"] == csv_of("C-2;X;21.11.2026 10:00;f").decode()


@pytest.mark.parametrize(
    ("data", "bad_max", "message"),
    [
        (b"nothing;of;this\n", 9, "line 1: the columns at, customer_no, form, kind are missing"),
        (csv_of("x", "y", "z"), 2, "has more than 2 bad lines"),
    ],
    ids=["columns", "bad lines"],
)
def test_a_file_that_cannot_be_read_waits_with_its_report(
    tmp_path: Path, folder: Path, data: bytes, bad_max: int, message: str
) -> None:
    """Whole, in `failed/`: mended, or its mapping mended, it is dropped again."""
    (folder / "a.csv").write_bytes(data)

    assert finished(tmp_path, folder, Log(), bad_max=bad_max) is FileOutcome.FAILED

    assert message in report(folder, "failed")["error"]
    (kept,) = (folder / "failed").glob("*/a.csv")
    assert kept.read_bytes() == data


def test_the_same_content_has_the_same_ids_whatever_its_name(tmp_path: Path, folder: Path) -> None:
    """A file that is dropped twice is recognised; one that differs in a line is another."""
    contents = {"a.csv": csv_of(good(1)), "b.csv": csv_of(good(1)), "c.csv": csv_of(good(1), good(2))}
    log = Log()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
        finished(tmp_path, folder, log)

    a, b, c, _ = [event["event_id"] for event in log.events()]
    assert (a == b, a == c) == (True, False)


def test_an_unconfirmed_record_is_sent_again_before_the_place_moves(tmp_path: Path, folder: Path) -> None:
    """And everything behind it, so that the order holds; the counts tell each line once."""
    (folder / "a.csv").write_bytes(csv_of(good(1), good(2), good(3)))
    log = Log(lambda number: UnconfirmedError("away") if number in (2, 4) else None)

    assert finished(tmp_path, folder, log) is FileOutcome.DONE

    assert [event["form"] for event in log.events()] == ["form-1", "form-3", "form-3", "form-2", "form-3"]
    assert report(folder, "done")["stored"] == 3


def test_while_the_broker_is_away_a_stop_leaves_the_file_to_the_next(tmp_path: Path, folder: Path) -> None:
    """Nothing of it counts as sent."""
    (folder / "a.csv").write_bytes(csv_of(good(1)))
    claim = Drop(folder, "*", 0).claim(NOW)
    assert claim is not None
    away = Log(lambda _: UnconfirmedError("away"))

    assert worker(away).finish(source(tmp_path), claim, told_to_stop_after(3)) is None

    log = Log()
    assert finished(tmp_path, folder, log) is FileOutcome.DONE
    assert len(log.events()) == 1


def test_a_record_that_the_broker_finds_too_large_is_a_letter(tmp_path: Path, folder: Path) -> None:
    """Its neighbours are stored."""
    (folder / "a.csv").write_bytes(csv_of(good(1), good(2)))
    log = Log(lambda number: RecordTooLargeError("too large") if number == 1 else None)

    assert finished(tmp_path, folder, log) is FileOutcome.WITH_BAD_LINES

    assert [letter["dlq.reason"] for letter in log.letters()] == ["oversized"]
    assert {event["form"] for event in log.events()} == {"form-2"}


def test_a_name_that_is_no_utf_8_harms_nobody(tmp_path: Path, folder: Path) -> None:
    """Systems of another age drop such files."""
    (folder / os.fsdecode(b"\xfcber.csv")).write_bytes(csv_of(good(1)))

    assert finished(tmp_path, folder, Log()) is FileOutcome.DONE
    assert report(folder, "done")["file"] == "?ber.csv"
