"""The demo's screen: a table that lives on a terminal, and is printed once where there is none."""

import pytest

from workers import show
from workers.demo.counted import FlowCount

ROW = FlowCount("B1", "milestone-event", delivered=3, suppressed=2, dead=1)


def test_without_a_terminal_the_last_table_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A CI log has the lines and the end, not a hundred tables."""
    with show.DemoScreen() as screen:
        screen.say("posting [signals]")
        screen.update([FlowCount("B1", "", 0, 0, 0)])
        screen.update([ROW])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["posting", "[signals]"],
        ["flow", "delivered", "suppressed", "dead", "what", "arrived"],
        ["B1", "3", "2", "1", "milestone-event"],
    ]


def test_on_a_terminal_the_table_lives(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state is drawn as it comes."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    with show.DemoScreen() as screen:
        screen.update([ROW])
        drawn = capsys.readouterr().out

    assert "milestone-event" in drawn


def test_names_are_not_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever greps finds the whole name."""
    name = "n" * 150

    show.console().print(name)

    assert capsys.readouterr().out == f"{name}\n"
