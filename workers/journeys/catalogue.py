"""Every journey of this deployment: the default ones, and what a site's own files add or change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import yaml
from common.errors import LocatedError
from workers.flows.entry import Schemas
from workers.flows.names import nearest
from workers.flows.place import FaultyFlowsError, Place
from workers.flows.site_values import SiteValues
from workers.journeys.definition import Journey, Mode, Wait
from workers.journeys.entry import Entry, build, read_entry

DEFAULT = Path(__file__).with_name("default.yaml")
VALUES = Path(__file__).with_name("values.yaml")


def load_journeys(
    files: Sequence[Path], values: Mapping[str, Any], schemas: Schemas, default: Path | None = DEFAULT
) -> tuple[Journey, ...]:
    """Read the default journeys and a site's files, check everything, and compile.

    A site's journey replaces the default one of its name; `enabled: false` switches one off; without `default`, only
    the site's own run. `values` stand for `{setting: name}`, over those of values.yaml. Raises FaultyFlowsError, which
    lists every fault of every file.
    """
    faults: list[LocatedError] = []
    defaults = _unique(_read([default] if default else [], faults))
    own = _unique(_read(files, faults))
    _check_switches(own, defaults)
    site = SiteValues({**_flat(yaml.load(VALUES)), **_flat(values)})
    built = [(entry, build(entry, schemas, site)) for entry in {**defaults, **own}.values() if not entry.is_switch]
    found = [(entry, journey) for entry, journey in built if journey is not None and entry.is_enabled]
    for entry, journey in found:
        _check_again(entry, journey)
    if faults:
        raise FaultyFlowsError(sorted(faults, key=lambda fault: (str(fault.file), fault.line)))
    return tuple(journey for _, journey in found)


def _check_again(entry: Entry, journey: Journey) -> None:
    again, place = journey.again, entry.place.at("again")
    match journey.kind:
        case Wait(after=steps) if again.mode is Mode.AFTER and again.after_us < max(steps.values(), default=0):
            place.fault("again must not be before the last step: a second run would begin during the first one")
        case Wait():
            pass
        case _ if again.mode is Mode.RESTART:
            place.fault("restart is for waits; a join begins again when a condition was closed and opened again")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return found


def _read(files: Sequence[Path], faults: list[LocatedError]) -> Iterator[Entry]:
    for file in files:
        try:
            document = yaml.read(file)
        except LocatedError as fault:
            faults.append(fault)
            continue
        place = Place(document, faults)
        if not isinstance(document.data, list):
            place.fault("a journey file is a list of journeys")
            continue
        entries = (read_entry(raw, place.at(index)) for index, raw in enumerate(document.data))
        yield from (entry for entry in entries if entry is not None)


def _unique(entries: Iterable[Entry]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in entries:
        first = found.setdefault(entry.name, entry)
        if first is not entry:
            where = f"{first.place.document.file}:{first.place.line}"
            entry.place.at("name").fault(f"journey {entry.name} stands at {where}, too; rename or remove one")
    return found


def _check_switches(own: Mapping[str, Entry], defaults: Mapping[str, Entry]) -> None:
    for entry in own.values():
        if entry.is_switch and entry.name not in defaults:
            hint = nearest(entry.name, defaults)
            entry.place.fault(f"no default journey {entry.name} that could be switched off{hint}")
