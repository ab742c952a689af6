"""docs/dependencies.md says why, for each dependency."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _explained(heading: str) -> list[str]:
    """The first column of the table under a heading."""
    page = (ROOT / "docs" / "dependencies.md").read_text()
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| ([\w.-]+) \| .+ \|$", section, re.MULTILINE)[1:]


def _declared(extra: str | None) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return sorted(re.split(r"[<>=!~ \[]", line)[0] for line in lines)


@pytest.mark.parametrize(("heading", "extra"), [("At run time", None), ("For development", "dev")])
def test_each_has_its_reason(heading: str, extra: str | None) -> None:
    """Nothing is installed that nobody can explain, and no line stays behind."""
    assert _explained(heading) == _declared(extra)
