"""Where a piece of a flow file stands, and the faults found so far: all are reported together."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import ConfigurationError, LackError, LocatedError
from common.yaml import Document


class FaultyFlowsError(ConfigurationError):
    """Flow files that cannot work; `errors` holds every fault, by file and line."""

    def __init__(self, errors: Sequence[LocatedError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Place:
    """One piece of a YAML document; `faults` is shared by all places of one load."""

    document: Document
    faults: list[LocatedError]
    path: tuple[str | int, ...] = ()

    def at(self, *steps: str | int) -> "Place":
        """The place of a key or an item below this one."""
        return Place(self.document, self.faults, (*self.path, *steps))

    def fault(self, message: str) -> None:
        """Note that this piece cannot work, and why."""
        self.faults.append(LocatedError(message, self.document.file, self.line))

    def lack(self, message: str) -> None:
        """Note that this piece waits for a setting: a fault in a site's file, while a default entry does not run."""
        self.faults.append(LackError(message, self.document.file, self.line))

    @property
    def line(self) -> int:
        """The line on which this piece, or its nearest parent, stands."""
        return self.document.line(*self.path)
