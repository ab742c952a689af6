"""docs/journeys.md: its journeys load, its events do what it says, its commands exist."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from workers.cli import main
from workers.journeys_command import explain_lines
from workers.settings import load_settings
from workers.show_journeys import explanation

PAGE = (Path(__file__).parents[2] / "docs" / "journeys.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```\s+```json\n(.*?)```\s+```text\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [one.split(" #")[0].strip() for one in re.findall(r"^commfleet (.*)$", PAGE, re.MULTILINE)]


@pytest.mark.parametrize("number", range(3))
def test_an_example_does_what_the_page_says(number: int, tmp_path: Path) -> None:
    """Line by line."""
    journey, events, said = EXAMPLES[number]
    (tmp_path / "own.yaml").write_text(journey)
    (tmp_path / "site.yaml").write_text("journeys: {defaults: false, files: [own.yaml]}\n")
    settings = load_settings(tmp_path / "site.yaml", {})

    found = explanation(explain_lines(settings, events.encode().splitlines(), None, datetime.now(UTC)))

    assert "\n".join(found) == said.strip()


def test_every_kind_has_an_example() -> None:
    """Three of them."""
    assert [re.findall(r"kind: (\w+)", journey) for journey, _, _ in EXAMPLES] == [["wait"], ["date"], ["join"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    """With its arguments; --help keeps it from running."""
    answer = CliRunner().invoke(main, [*command.split(), "--help"])

    assert answer.exit_code == 0, answer.output


def test_list_runs() -> None:
    """And names every default journey."""
    answer = CliRunner().invoke(main, ["journeys", "list"])

    assert answer.exit_code == 0, answer.output
    assert "M5-no-response" in answer.output
