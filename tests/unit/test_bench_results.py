"""What benchmarks write stays readable, and what others wrote stays."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.results import ResultsFileError, Row, read, show, write

RATE = Row("sink.rate", 26_800, "events/s", reference=33_500, conditions={"runs": [26_800, 26_000], "events": 40_000})
HELP = Row("start.help", 0.0671234, "s", reference=0.25)


@pytest.fixture
def latest(tmp_path: Path) -> Path:
    """Where results go; nothing is there yet."""
    return tmp_path / "results" / "latest.json"


def test_a_row_has_exactly_the_agreed_keys(latest: Path) -> None:
    """Whoever reads the file finds name, value, unit, reference, ratio and conditions."""
    write([RATE], latest)

    assert json.loads(latest.read_text()) == [
        {
            "name": "sink.rate",
            "value": 26_800,
            "unit": "events/s",
            "reference": 33_500,
            "ratio": 0.8,
            "conditions": {"runs": [26_800, 26_000], "events": 40_000},
        }
    ]


def test_a_row_takes_the_place_of_its_name_and_leaves_the_others(latest: Path) -> None:
    """A benchmark that runs alone does not erase what others found."""
    write([RATE, HELP], latest)

    write([Row("sink.rate", 30_000, "events/s"), Row("memory", 200, "MB")], latest)

    assert [(row["name"], row["value"]) for row in read(latest)] == [
        ("sink.rate", 30_000),
        ("start.help", 0.06712),
        ("memory", 200),
    ]


def test_without_a_reference_there_is_no_ratio(latest: Path) -> None:
    """Nothing is compared with nothing, nor with zero."""
    write([Row("plain", 3, "s"), Row("zero", 3, "s", reference=0)], latest)

    assert [row["ratio"] for row in read(latest)] == [None, None]


@pytest.mark.parametrize("text", ["[", '{"name": "x"}', '[{"name": "x"}]', "[1]"])
def test_a_file_of_something_else_is_refused_and_kept(latest: Path, text: str) -> None:
    """A damaged file is a person's to look at, not ours to overwrite."""
    latest.parent.mkdir()
    latest.write_text(text)

    with pytest.raises(ResultsFileError, match="restore it or remove it"):
        write([HELP], latest)

    assert latest.read_text() == text


def test_the_kept_results_can_be_read() -> None:
    """The file in the repository is one of ours, each name once."""
    names = [row["name"] for row in read()]

    assert len(names) == len(set(names))


def test_the_table_shows_every_row() -> None:
    """Name, value, unit, reference and ratio stand in a line; large numbers have no decimals."""
    printed = StringIO()

    show([RATE, HELP], Console(file=printed, width=100))

    _, rate, started = printed.getvalue().splitlines()
    assert rate.split() == ["sink.rate", "26,800", "events/s", "33,500", "0.8"]
    assert started.split() == ["start.help", "0.0671", "s", "0.25", "0.268"]
