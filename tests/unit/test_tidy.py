"""What is committed works on anybody's machine."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FOREIGN = {
    "a developer's folder": re.compile(r"(?<![\w.$}])/(?:root|home/\w+|Users/\w+|work/\w+|tmp/\w+)/[\w.]"),
    "an index address": re.compile(
        r"https?://[^\s\"']*(?:pypi|pythonhosted|npmjs|maven|crates\.io|golang\.org|debian\.org)"
    ),
    "an index option": re.compile(r"--(?:extra-)?(?:index|find)-(?:url|links)[ =]\S"),
}
"""What no committed text may hold, by name."""

_SKIPPED_FOLDERS = frozenset({".git", ".venv", ".cache", "__pycache__", ".mypy_cache", ".ruff_cache"})


def committed() -> Iterator[Path]:
    """Every file that is, or is about to be, under version control."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive, or no git on this machine
        names = list(_walked())
    yield from (ROOT / name for name in names if name and (ROOT / name).is_file())


def _walked() -> Iterator[str]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS]
        yield from (str(Path(folder, name).relative_to(ROOT)) for name in files)


def foreign(text: str) -> list[str]:
    """The names of what this text holds and must not."""
    return [name for name, pattern in FOREIGN.items() if pattern.search(text)]


def test_no_file_names_a_machine_or_an_index() -> None:
    """A path of a developer's machine, or the address of a package index, works for one person only."""
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in committed()
        if (names := foreign(path.read_text(errors="ignore"))) and path != Path(__file__)
    }

    assert found == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("see " + "/home/ann/commfleet/x.py", "a developer's folder"),
        ("see " + "/root/.venv", "a developer's folder"),
        ("url = https://files.pythonhosted.example/simple", "an index address"),
        ("--index-url somewhere", "an index option"),
    ],
)
def test_each_pattern_notices(text: str, name: str) -> None:
    """The patterns are no decoration."""
    assert foreign(text) == [name]


def test_every_package_of_the_lock_has_hashes() -> None:
    """`pip install --require-hashes` refuses a lock with one bare line."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())

    assert len(entries) > 20
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_holds_every_declared_dependency() -> None:
    """Whoever adds a dependency runs `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["dev"]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))

    names = {re.split(r"[<>=!~ \[]", text)[0].lower().replace(".", "-").replace("_", "-") for text in declared}

    assert names - locked == set()
