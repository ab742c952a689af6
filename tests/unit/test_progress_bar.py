"""The progress bar: for a terminal only, and never in the way of what is told."""

import io

from rich.console import Console

from workers.progress_bar import ProgressBar


def shown(*, is_terminal: bool) -> str:
    out = io.StringIO()
    with ProgressBar(Console(file=out, force_terminal=is_terminal, width=100)) as bar:
        bar.begin("checking", 1_000_000)
        bar.advance(500_000)
        bar.say("line 7: [type] is missing")
    return out.getvalue()


def test_a_terminal_shows_how_far_it_is() -> None:
    """What is done, of how much; errors stand above it, as they are."""
    text = shown(is_terminal=True)

    assert "checking" in text
    assert "line 7: [type] is missing" in text


def test_a_pipe_shows_only_what_is_told() -> None:
    """Nothing that would stand in a log."""
    assert shown(is_terminal=False) == "line 7: [type] is missing\n"
