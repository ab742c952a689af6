"""Files that are lists of named entries: flows and journeys are read, told apart and switched off alike."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from common import yaml
from common.errors import LackError, LocatedError
from workers.flows.names import nearest
from workers.flows.place import Place

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A default entry that does not run: `needs` says what a site has to configure for it. `do` is a flow's action."""

    name: str
    about: str
    do: str
    needs: tuple[str, ...]

    @property
    def sink(self) -> str:
        """The sink that would run it."""
        return self.do.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.name} does not run: {'; '.join(self.needs)}"


def left_out(entry: Entry, needs: Iterable[str]) -> LeftOut:
    """The entry, left out for what it needs."""
    about, do = (str(entry.raw.get(key, "")) for key in ("about", "do"))
    return LeftOut(entry.name, about, do, tuple(dict.fromkeys(needs)))


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


def build_all(
    entries: Iterable[Entry], defaults: Mapping[str, Entry], build: Callable[[Entry], T | None],
    faults: list[LocatedError],
) -> tuple[list[tuple[Entry, T]], list[LeftOut]]:  # fmt: skip
    """What the enabled entries declare, and the default ones that wait for a setting; a site's own must not."""
    built: list[tuple[Entry, T]] = []
    waiting: list[LeftOut] = []
    for entry in entries:
        before = len(faults)
        one = None if entry.is_switch else build(entry)
        lacks = [fault.message for fault in faults[before:] if isinstance(fault, LackError)]
        if lacks and len(lacks) == len(faults) - before and defaults.get(entry.name) is entry:
            del faults[before:]
            waiting.append(left_out(entry, lacks))
        elif one is not None and entry.is_enabled:
            built.append((entry, one))
    return built, waiting
