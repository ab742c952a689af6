"""docs/store.md and docs/consent.md: their commands exist, their settings load, what they say of defaults is so."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from common.store import tables
from workers.cli import main
from workers.consent.config import ConsentSettings, PurposesSettings

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text() for name in ("store", "consent")}
COMMANDS = sorted(
    {
        command.split(" #")[0].strip()
        for page in PAGES.values()
        for command in re.findall(r"(?:^|`)commfleet ((?:store|show|customer|run) [^`\n]+)", page, re.MULTILINE)
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    """With its arguments; --help keeps it from running."""
    answer = CliRunner().invoke(main, [*command.split(), "--help"])

    assert answer.exit_code == 0, answer.output


def test_there_are_commands_to_look_at() -> None:
    """A changed page must not make the test hold for nothing."""
    assert len(COMMANDS) >= 7


def test_the_purposes_example_loads() -> None:
    """As a site would write it."""
    (example,) = re.findall(r"```yaml\n(consent:.*?)```", PAGES["consent"], re.DOTALL)
    rules = ConsentSettings.model_validate(YAML(typ="safe").load(StringIO(example))["consent"])

    assert rules.purposes.marketing.basis == "opted_in"


def test_the_purposes_table_is_the_default() -> None:
    """Row by row."""
    rows = re.findall(r"^\| ([A-Z]+)[^|]*\| `(\w+)`: ", PAGES["consent"], re.MULTILINE)
    rules = PurposesSettings()

    assert dict(rows) == {name.upper(): getattr(rules, name).basis for name in PurposesSettings.model_fields}


def test_the_answer_is_json() -> None:
    """The example of the API."""
    (example,) = re.findall(r"```json\n(.*?)```", PAGES["consent"], re.DOTALL)

    assert json.loads(example)["allowed"]["MARKETING"] == []


def test_every_table_is_told_of() -> None:
    """An analyst finds each in docs/store.md."""
    missing = {name for name in tables.metadata.tables if f"`{name}`" not in PAGES["store"]}

    assert missing <= {"meta"}
