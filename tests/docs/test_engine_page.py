"""docs/engine.md says what the sink path is: its modules, settings, causes, reasons and limits."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.reasons import Cause, Reason
from workers.bootstrap import sink as bootstrap
from workers.cli import main
from workers.settings import Settings
from workers.sinks import commit_map, dispatcher, flood, holdings, judge, ledger, naming, ownership, window
from workers.sinks.api import Action
from workers.sinks.config import SinkConfig
from workers.sinks.holdings import Terms
from workers.sinks.progress import Progress
from workers.sinks.window import PAGE_RECORDS, Limits

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "engine.md").read_text()
SINKS = ROOT / "workers" / "sinks"


def _modules(text: str) -> set[str]:
    return set(re.findall(r"\b(\w+)\.py\b", text))


def _section(heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def _imports(path: Path) -> Iterator[Path]:
    """The files of ours that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (file for name in names if (file := ROOT / f"{name.replace('.', '/')}.py").is_file())


@cache
def _reached() -> set[Path]:
    """What a running worker consists of: everything that the composition root stands on."""
    reached, left = set[Path](), [ROOT / "workers" / "bootstrap" / "sink.py"]
    while left:
        path = left.pop()
        if path not in reached:
            reached.add(path)
            left.extend(_imports(path))
    return reached


def test_every_module_that_it_describes_works_in_a_worker() -> None:
    """It exists, and the composition root reaches it."""
    described = _modules(PAGE)

    assert len(described) > 20
    assert {name for name in described if SINKS / f"{name}.py" not in _reached()} == set()


def test_every_name_in_ticks_exists() -> None:
    """Settings, causes, reasons and an action's properties: words with an underscore are one of these."""
    names = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE))
    known = {*SinkConfig.model_fields, *Settings.model_fields, *(field.name for field in fields(Action))}

    assert len(names) > 15
    assert names - known - {*map(str, Cause), *map(str, Reason)} - {"event_id"} - _metrics() == set()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`commfleet ([^`]+)`", PAGE))))
def test_every_command_exists(command: str) -> None:
    """--help keeps it from running."""
    answer = CliRunner().invoke(main, [*command.split(), "--help"])

    assert answer.exit_code == 0, answer.output


def _metrics() -> set[str]:
    return set(re.findall(r"`(commfleet_\w+)`", (DOCS / "operating.md").read_text()))


def test_defaults_of_settings_are_told() -> None:
    """The table of settings that matter has those of every sink."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", _section("Settings that matter"), re.MULTILINE))

    assert len(rows) > 10
    assert rows == {name: _told(SinkConfig.model_fields[name].default) for name in rows}


def _told(default: float | None) -> str:
    """A default as the table writes it."""
    return "none" if default is None else f"{default:.10g}"


@pytest.mark.parametrize(("word", "closed"), [("cause", Cause), ("reason", Reason)])
def test_causes_and_reasons_that_an_operator_sees_exist(word: str, closed: type[Cause] | type[Reason]) -> None:
    """The table of what is seen names no other."""
    cells = re.findall(rf"^\| {word} ([^|]+)\|", _section("What you see"), re.MULTILINE)
    named = {symbol for cell in cells for symbol in re.findall(r"`(\w+)`", cell)}

    assert len(named) > 2
    assert named <= {str(member) for member in closed}


def _most_requests(in_flight: int) -> tuple[int, int]:
    """Handed to delivery threads, and named or being named before them (pool.py, dispatcher.py)."""
    return in_flight + max(1, in_flight // 2), in_flight * dispatcher._NAMED_AHEAD


def _room(window_records: int) -> int:
    return commit_map.room(Progress(0), window_records + 2 * PAGE_RECORDS, lambda _: True)


def test_its_numbers_are_those_of_the_code() -> None:
    """Whoever changes a limit changes the page."""
    handed, before = _most_requests(SinkConfig.model_fields["max_in_flight"].default)
    told = [
        f"{commit_map.MAX_CHARACTERS:,} characters",
        f"of {commit_map.NONCE_LENGTH} characters",
        f"{_room(2_000)} with a window of 2,000 records, {_room(9_000)} with 9,000",
        f"at most {handed + before} requests",
        f"{handed} handed to delivery threads, {before} before them",
        f"{window.MOST_PARKED:,} each partition",
        f"Up to {ledger._ENTRIES_A_TRANSACTION} deliveries",
        f"waits longer than {naming._PATIENCE_S:.0f} s",
        f"waits up to {ownership._REVOKE_BOUND_S:.0f} s",
    ]

    assert [text for text in told if text not in " ".join(PAGE.split())] == []
    assert (flood._IN_A_ROW, judge._CULPRITS, judge._LOOK_UPS) == (50, 3, 5), "fifty, third and five stand in words"


def test_a_gate_lives_as_long_as_a_lease() -> None:
    """The page gives the seconds of the default session."""
    dynamic, static = (
        Terms(bootstrap._SESSION_MS / 1000, 1.0, Limits(1, 1), is_static=so).lease_s for so in (False, True)
    )
    assert f"half a session ({dynamic} s unless" in " ".join(PAGE.split())
    assert f"an eighth of a session there ({static:.1f} s, at least {holdings._STATIC_LEASE_S:.0f} s)" in PAGE
    assert f"{bootstrap._TRANSACTION_MS // 1000} s at most" in PAGE


def _anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_links_lead_somewhere() -> None:
    """To files that exist, and to headings in them."""
    links = re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", PAGE)
    targets = [(DOCS / file if file else DOCS / "engine.md", anchor) for file, anchor in links]

    assert len(links) > 10
    assert [target for target in targets if not target[0].is_file()] == []
    assert [target for target in targets if target[1] and target[1] not in _anchors(target[0])] == []
