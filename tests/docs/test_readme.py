"""README.md and CONTRIBUTING.md: commands, files and sinks that they name exist."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from workers.catalogue import VENDORS
from workers.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TEXT = README + (ROOT / "CONTRIBUTING.md").read_text()
TARGETS = set(re.findall(r"(?:^|`)make ([a-z]+)", TEXT, re.MULTILINE))
COMMANDS = sorted(
    {
        command.split(" #")[0].strip()
        for command in re.findall(r"(?:^|`)(?:\.venv/bin/)?commfleet ([^`\n]+)", TEXT, re.MULTILINE)
        if not command.startswith("is ")
    }
)
NAMES = {
    "braze": "Braze",
    "ecm": "Extended ECM",
    "exstream": "Exstream",
    "marketo": "Marketo",
    "notifications": "Notifications",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    """With its arguments; --help keeps it from running."""
    answer = CliRunner().invoke(main, [*command.split(), "--help"])

    assert answer.exit_code == 0, answer.output


def test_every_make_target_exists() -> None:
    """As the Makefile declares them."""
    makefile = (ROOT / "Makefile").read_text()

    assert len(TARGETS) > 5
    assert {name for name in TARGETS if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


def test_every_module_that_is_run_exists() -> None:
    """`python -m` names files of ours, by the environment that make sets up."""
    modules = re.findall(r"(\S*)python -m ([\w.]+)", TEXT)

    assert len(modules) > 2
    assert {prefix.strip("`") for prefix, _ in modules} == {".venv/bin/"}
    assert [module for _, module in modules if not (ROOT / f"{module.replace('.', '/')}.py").is_file()] == []


def test_every_link_leads_to_a_file() -> None:
    """Relative ones."""
    links = [link for link in re.findall(r"\]\(([^)#]+)", TEXT) if "://" not in link]

    assert len(links) > 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_it_names_the_sinks_that_there_are() -> None:
    """Whoever adds a vendor says so in the picture and in the sentence about today."""
    (today,) = re.findall(r"^Today: (.*?) receive,", README, re.MULTILINE | re.DOTALL)

    assert set(NAMES) == set(VENDORS)
    assert [name for name in NAMES.values() if name not in today] == []
    assert [name for name in NAMES.values() if f"──▶ {name}\n" not in README] == []
