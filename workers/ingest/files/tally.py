"""What became of a file's lines, kept with its progress and told in its report."""

from dataclasses import asdict, dataclass, field
from typing import Any

from workers.ingest.files.rows import Place

SHOWN = 100
"""Bad lines that a report names; all of them are counted, and dead letters."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not become an event, or not be stored."""

    number: int
    errors: str


@dataclass(slots=True)
class Tally:
    """Counts of one file, and the first bad lines; `after` is the place behind what they count."""

    stored: int = 0
    bad: int = 0
    substitutes: int = 0
    unknown_types: int = 0
    after: Place = field(default_factory=Place)
    first_bad: list[BadLine] = field(default_factory=list)

    def note_bad(self, number: int, errors: str) -> None:
        """One more."""
        self.bad += 1
        if len(self.first_bad) < SHOWN:
            self.first_bad.append(BadLine(number, errors[:500]))

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def restored(found: dict[str, Any]) -> "Tally":
        """What `shown` gave. Raises TypeError or KeyError for anything else."""
        known = dict(found)
        after = Place(**known.pop("after"))
        first_bad = [BadLine(**one) for one in known.pop("first_bad")]
        return Tally(**known, after=after, first_bad=first_bad)
