"""Files that are lists of named entries: flows and journeys are read, told apart and switched off alike."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import yaml
from common.errors import LocatedError
from workers.flows.names import nearest
from workers.flows.place import Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One mapping of a file; `place` is where it stands."""

    name: str
    raw: Mapping[str, Any]
    place: Place

    @property
    def is_switch(self) -> bool:
        """Whether it only switches off what stands elsewhere."""
        return self.raw.get("enabled") is False and self.raw.keys() <= {"name", "about", "enabled"}

    @property
    def is_enabled(self) -> bool:
        """Whether what it describes is to run."""
        return self.raw.get("enabled") is not False


def read_entries(
    files: Sequence[Path], what: str, read_entry: Callable[[Any, Place], Entry | None], faults: list[LocatedError]
) -> Iterator[Entry]:
    """Every entry of the files; `what` is the noun for messages. What cannot be read is a fault."""
    for file in files:
        try:
            document = yaml.read(file)
        except LocatedError as fault:
            faults.append(fault)
            continue
        place = Place(document, faults)
        if not isinstance(document.data, list):
            place.fault(f"a {what} file is a list of {what}s")
            continue
        entries = (read_entry(raw, place.at(index)) for index, raw in enumerate(document.data))
        yield from (entry for entry in entries if entry is not None)


def unique(entries: Iterable[Entry], what: str) -> dict[str, Entry]:
    """The entries by name; a second one of a name is a fault that says where the first stands."""
    found: dict[str, Entry] = {}
    for entry in entries:
        first = found.setdefault(entry.name, entry)
        if first is not entry:
            where = f"{first.place.document.file}:{first.place.line}"
            entry.place.at("name").fault(f"{what} {entry.name} stands at {where}, too; rename or remove one")
    return found


def check_switches(own: Mapping[str, Entry], defaults: Mapping[str, Entry], what: str) -> None:
    """A site can switch off only what is there by default."""
    for entry in own.values():
        if entry.is_switch and entry.name not in defaults:
            hint = nearest(entry.name, defaults)
            entry.place.fault(f"no default {what} {entry.name} that could be switched off{hint}")
