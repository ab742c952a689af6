"""Results: rows in one JSON file, and the same rows as a table.

A row is `{"name", "value", "unit", "reference", "ratio", "conditions"}`; `ratio` is value / reference.
A new row takes the place of the one with its name; every other row stays.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from rich.console import Console
from rich.table import Table

LATEST = Path(__file__).parent / "results" / "latest.json"

_DIGITS = 4
_KEYS = ("name", "value", "unit", "reference", "ratio", "conditions")

Stored = dict[str, Any]
Condition = str | float | bool | Sequence[float]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: `reference` is what it is held against (another's value, a goal), in the same unit."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the reference."""
        return self.value / self.reference if self.reference else None

    def stored(self) -> Stored:
        """The row as it stands in the file; four significant digits say all that noise leaves."""
        row = asdict(self) | {"ratio": self.ratio}
        rounded = {key: _rounded(row[key]) for key in ("value", "reference", "ratio")}
        return {key: rounded.get(key, row[key]) for key in _KEYS}


class ResultsFileError(Exception):
    """The results file holds something else than rows; the message says what to do."""


def write(rows: Iterable[Row], path: Path = LATEST) -> None:
    """Put rows into the file, beside what stands there; all of them or none.

    Raises ResultsFileError when the file cannot be read as rows: it is left as it is.
    """
    kept = {row["name"]: row for row in read(path)}
    kept.update({row.name: row.stored() for row in rows})
    draft = path.with_suffix(".draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(json.dumps(list(kept.values()), indent=2) + "\n")
    os.replace(draft, path)


def read(path: Path = LATEST) -> list[Stored]:
    """The rows of the file, in its order; none where there is no file. Raises ResultsFileError."""
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text())
    except ValueError as error:
        raise ResultsFileError(f"{path} is no JSON ({error}): restore it or remove it") from error
    if not _are_rows(rows):
        raise ResultsFileError(f"{path} is no list of rows with {', '.join(_KEYS)}: restore it or remove it")
    return rows


def show(rows: Iterable[Row], console: Console | None = None) -> None:
    """Print rows as a table."""
    table = Table("name", box=None, pad_edge=False)
    for heading in ("value", "unit", "reference", "ratio"):
        table.add_column(heading, justify="left" if heading == "unit" else "right", no_wrap=True)
    for row in rows:
        table.add_row(row.name, _text(row.value), row.unit, _text(row.reference), _text(row.ratio))
    (console or Console()).print(table)


def _are_rows(rows: Any) -> TypeGuard[list[Stored]]:
    return isinstance(rows, list) and all(isinstance(row, dict) and row.keys() == set(_KEYS) for row in rows)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
